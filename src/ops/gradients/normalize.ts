/** Gradients of the ops that rescale. That of batchNorm with respect to its input is a batchNorm. */

import { elementCount } from "../../tensor/index.js";
import { checkCount, checkVector, nchw } from "../op.js";
import { elementwiseOutput, floatOutput, floats } from "../shapes.js";
import { checkGradient, type GradientOp } from "./gradientOp.js";

export const batchNormWeightGradientOp: GradientOp<"batchNormWeightGradient"> = {
  type: "batchNormWeightGradient",
  infer(inputs, _attrs, node) {
    const op = "batchNormWeightGradient";
    checkCount(inputs, 4, "x, dy, mean, variance", op, node);
    const [, c] = nchw(inputs[0], op, node);
    checkGradient(inputs[1], inputs[0].shape, op, node);
    checkVector(inputs[2], c, "mean", op, node);
    checkVector(inputs[3], c, "variance", op, node);
    return [{ shape: [c], dtype: inputs[0].dtype }];
  },
  reference([x, dy, mean, variance], { eps }) {
    const [n, c, h, w] = x.shape;
    const out = floatOutput([c], x);
    const [xs, gs] = [floats(x), floats(dy)];
    for (let channel = 0; channel < c; channel++) {
      let sum = 0;
      for (let image = 0; image < n; image++) {
        const start = (image * c + channel) * h * w;
        for (let i = start; i < start + h * w; i++) sum += (xs[i] - floats(mean)[channel]) * gs[i];
      }
      out.data[channel] = sum / Math.sqrt(floats(variance)[channel] + eps);
    }
    return [out];
  },
};

export const softmaxGradientOp: GradientOp<"softmaxGradient"> = {
  type: "softmaxGradient",
  infer(inputs, _attrs, node) {
    checkCount(inputs, 2, "y, dy", "softmaxGradient", node);
    checkGradient(inputs[1], inputs[0].shape, "softmaxGradient", node);
    return [{ shape: inputs[0].shape, dtype: inputs[0].dtype }];
  },
  reference([y, dy], { axis }) {
    const out = elementwiseOutput(y);
    const [ys, gs] = [floats(y), floats(dy)];
    const size = y.shape[axis];
    const inner = elementCount(y.shape.slice(axis + 1));
    for (let line = 0; line < ys.length / size; line++) {
      const start = Math.floor(line / inner) * size * inner + (line % inner);
      let dot = 0;
      for (let k = 0; k < size; k++) dot += ys[start + k * inner] * gs[start + k * inner];
      for (let i = start, k = 0; k < size; k++, i += inner) out.data[i] = ys[i] * (gs[i] - dot);
    }
    return [out];
  },
};

/** Calls back for each pixel of NCHW with its normalised channels. */
function eachNormalised(
  x: { readonly shape: readonly number[]; readonly data: Float32Array },
  eps: number,
  body: (start: number, plane: number, values: Float64Array, scale: number) => void,
): void {
  const [n, c, h, w] = x.shape;
  const plane = h * w;
  const values = new Float64Array(c);
  for (let p = 0; p < n * plane; p++) {
    const start = Math.floor(p / plane) * c * plane + (p % plane);
    let mean = 0;
    for (let k = 0; k < c; k++) mean += x.data[start + k * plane] / c;
    let variance = 0;
    for (let k = 0; k < c; k++) variance += (x.data[start + k * plane] - mean) ** 2 / c;
    const scale = 1 / Math.sqrt(variance + eps);
    for (let k = 0; k < c; k++) values[k] = (x.data[start + k * plane] - mean) * scale;
    body(start, plane, values, scale);
  }
}

export const layerNormGradientOp: GradientOp<"layerNormGradient"> = {
  type: "layerNormGradient",
  infer(inputs, _attrs, node) {
    const op = "layerNormGradient";
    checkCount(inputs, 3, "x, weight, dy", op, node);
    const [, c] = nchw(inputs[0], op, node);
    checkVector(inputs[1], c, "weight", op, node);
    checkGradient(inputs[2], inputs[0].shape, op, node);
    return [{ shape: inputs[0].shape, dtype: inputs[0].dtype }];
  },
  reference([x, weight, dy], { eps }) {
    const out = elementwiseOutput(x);
    const [ws, gs] = [floats(weight), floats(dy)];
    const c = x.shape[1];
    eachNormalised({ shape: x.shape, data: floats(x) }, eps, (start, plane, values, scale) => {
      let sum = 0;
      let dot = 0;
      for (let k = 0; k < c; k++) {
        const g = gs[start + k * plane] * ws[k];
        sum += g / c;
        dot += (g * values[k]) / c;
      }
      for (let k = 0; k < c; k++) {
        const at = start + k * plane;
        out.data[at] = scale * (gs[at] * ws[k] - sum - values[k] * dot);
      }
    });
    return [out];
  },
};

export const layerNormWeightGradientOp: GradientOp<"layerNormWeightGradient"> = {
  type: "layerNormWeightGradient",
  infer(inputs, _attrs, node) {
    const op = "layerNormWeightGradient";
    checkCount(inputs, 2, "x, dy", op, node);
    const [, c] = nchw(inputs[0], op, node);
    checkGradient(inputs[1], inputs[0].shape, op, node);
    return [{ shape: [c], dtype: inputs[0].dtype }];
  },
  reference([x, dy], { eps }) {
    const gs = floats(dy);
    const sums = new Float64Array(x.shape[1]);
    eachNormalised({ shape: x.shape, data: floats(x) }, eps, (start, plane, values) => {
      for (let k = 0; k < sums.length; k++) sums[k] += gs[start + k * plane] * values[k];
    });
    const out = floatOutput([sums.length], x);
    out.data.set(sums);
    return [out];
  },
};
