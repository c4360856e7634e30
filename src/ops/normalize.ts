/** batchNorm (inference), layerNorm over channels, softmax: the ops that rescale. */

import { AttributeError } from "../errors.js";
import { elementCount, formatShape } from "../tensor/index.js";
import { checkCount, checkShape, checkVector, nchw, type Op } from "./op.js";
import { elementwiseOutput, floats } from "./shapes.js";

function checkEps(eps: number, op: string, node: string): void {
  if (!(eps >= 0)) throw new AttributeError(`${op}: eps must not be negative, got ${eps} (${node})`, { eps, node });
}

const BATCH_NORM_INPUTS = ["x", "weight", "bias", "mean", "variance"];

export const batchNormOp: Op<"batchNorm"> = {
  type: "batchNorm",
  infer(inputs, { eps }, node) {
    const [x] = inputs;
    const [, c] = nchw(x, "batchNorm", node);
    checkEps(eps, "batchNorm", node);
    checkCount(inputs, 5, BATCH_NORM_INPUTS.join(", "), "batchNorm", node);
    for (const i of [1, 2, 3, 4]) checkVector(inputs[i], c, BATCH_NORM_INPUTS[i], "batchNorm", node);
    return [{ shape: x.shape, dtype: x.dtype }];
  },
  reference([x, weight, bias, mean, variance], { eps }) {
    const [n, c, h, w] = x.shape;
    const out = elementwiseOutput(x);
    const data = floats(x);
    for (let channel = 0; channel < c; channel++) {
      const scale = floats(weight)[channel] / Math.sqrt(floats(variance)[channel] + eps);
      const center = floats(mean)[channel];
      const shift = floats(bias)[channel];
      for (let image = 0; image < n; image++) {
        const start = (image * c + channel) * h * w;
        for (let i = start; i < start + h * w; i++) out.data[i] = (data[i] - center) * scale + shift;
      }
    }
    return [out];
  },
  flops: ([x]) => 2 * elementCount(x.shape),
};

export const layerNormOp: Op<"layerNorm"> = {
  type: "layerNorm",
  infer(inputs, { eps }, node) {
    const [x, weight, bias] = inputs;
    const [, c] = nchw(x, "layerNorm", node);
    checkEps(eps, "layerNorm", node);
    checkCount(inputs, 3, "x, weight, bias", "layerNorm", node);
    checkVector(weight, c, "weight", "layerNorm", node);
    checkVector(bias, c, "bias", "layerNorm", node);
    return [{ shape: x.shape, dtype: x.dtype }];
  },
  reference([x, weight, bias], { eps }) {
    const [n, c, h, w] = x.shape;
    const plane = h * w;
    const out = elementwiseOutput(x);
    const data = floats(x);
    for (let image = 0; image < n; image++) {
      for (let p = 0; p < plane; p++) {
        const start = image * c * plane + p;
        let sum = 0;
        for (let k = 0; k < c; k++) sum += data[start + k * plane];
        const mean = sum / c;
        let squares = 0;
        for (let k = 0; k < c; k++) squares += (data[start + k * plane] - mean) ** 2;
        const scale = 1 / Math.sqrt(squares / c + eps);
        for (let k = 0; k < c; k++) {
          const value = (data[start + k * plane] - mean) * scale;
          out.data[start + k * plane] = value * floats(weight)[k] + floats(bias)[k];
        }
      }
    }
    return [out];
  },
  flops: ([x]) => 8 * elementCount(x.shape),
};

export const softmaxOp: Op<"softmax"> = {
  type: "softmax",
  infer(inputs, { axis }, node) {
    checkCount(inputs, 1, "x", "softmax", node);
    const [x] = inputs;
    checkShape(
      Number.isInteger(axis) && axis >= 0 && axis < x.shape.length,
      "softmax",
      `axis ${axis} is not one of ${formatShape(x.shape)}`,
      node,
    );
    return [{ shape: x.shape, dtype: x.dtype }];
  },
  reference([x], { axis }) {
    const out = elementwiseOutput(x);
    const data = floats(x);
    const size = x.shape[axis];
    const inner = elementCount(x.shape.slice(axis + 1));
    const outer = elementCount(x.shape.slice(0, axis));
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < inner; i++) {
        const start = o * size * inner + i;
        let top = Number.NEGATIVE_INFINITY;
        for (let k = 0; k < size; k++) top = Math.max(top, data[start + k * inner]);
        let sum = 0;
        for (let k = 0; k < size; k++) sum += Math.exp(data[start + k * inner] - top);
        for (let k = 0; k < size; k++) out.data[start + k * inner] = Math.exp(data[start + k * inner] - top) / sum;
      }
    }
    return [out];
  },
  flops: ([x]) => 5 * elementCount(x.shape),
};
