/** convTranspose2d: the gradient of conv2d with respect to its input, as nn.ConvTranspose2d. */

import { AttributeError } from "../errors.js";
import { activationFunction, checkActivation } from "./activations.js";
import type { OpAttributes } from "./attributes.js";
import type { TensorDesc } from "./graph/graph.js";
import { MAX_STEP } from "./graph/limits.js";
import { checkCount, checkShape, checkVector, nchw, type Op } from "./op.js";
import { checkGroups, checkKernel, checkPair, floatOutput, floats } from "./shapes.js";

type Attributes = OpAttributes["convTranspose2d"];

function infer(inputs: readonly TensorDesc[], attrs: Attributes, node: string): TensorDesc[] {
  const op = "convTranspose2d";
  const [x, weight] = inputs;
  const [n, c, h, w] = nchw(x, op, node);
  const [cIn, oPerGroup, kh, kw] = nchw(weight, op, node, "weight", "IOHW");
  checkPair(attrs.stride, "stride", 1, op, node, MAX_STEP);
  checkPair(attrs.padding, "padding", 0, op, node);
  checkPair(attrs.dilation, "dilation", 1, op, node);
  checkKernel([kh, kw], attrs.dilation, op, node);
  checkPair(attrs.outputPadding, "outputPadding", 0, op, node);
  checkActivation(attrs.activation, op, node);
  checkGroups(attrs.groups, op, node);
  for (const axis of [0, 1] as const) {
    const extra = attrs.outputPadding[axis];
    // As in PyTorch: more would add rows that no input reaches.
    if (extra >= attrs.stride[axis] && extra >= attrs.dilation[axis]) {
      throw new AttributeError(
        `${op}: outputPadding [${attrs.outputPadding}] must be smaller than stride [${attrs.stride}] or dilation [${attrs.dilation}] (${node})`,
        { node },
      );
    }
  }
  checkShape(c === cIn, op, `input channels ${c} must equal weight channels ${cIn}`, node);
  checkShape(c % attrs.groups === 0, op, `input channels ${c} must be divisible by groups ${attrs.groups}`, node);
  const o = oPerGroup * attrs.groups;
  checkCount(inputs, attrs.hasBias ? 3 : 2, attrs.hasBias ? "x, weight, bias" : "x, weight", op, node);
  if (attrs.hasBias) checkVector(inputs[2], o, "bias", op, node);
  const size = (axis: 0 | 1, input: number, kernel: number): number =>
    (input - 1) * attrs.stride[axis] -
    2 * attrs.padding[axis] +
    attrs.dilation[axis] * (kernel - 1) +
    attrs.outputPadding[axis] +
    1;
  const shape = [n, o, size(0, h, kh), size(1, w, kw)];
  checkShape(
    shape[2] > 0 && shape[3] > 0,
    op,
    `output ${shape[2]}×${shape[3]} of input ${h}×${w} would be empty`,
    node,
  );
  return [{ shape, dtype: x.dtype }];
}

export const convTranspose2dOp: Op<"convTranspose2d"> = {
  type: "convTranspose2d",
  infer,
  reference(inputs, attrs) {
    const [x, weight] = inputs;
    const [n, c, h, w] = x.shape;
    const [, oPerGroup, kh, kw] = weight.shape;
    const [{ shape }] = infer(inputs, attrs, "reference");
    const [, o, oh, ow] = shape;
    const out = floatOutput(shape, x);
    const sums = new Float64Array(out.data.length);
    const cPerGroup = c / attrs.groups;
    const xs = floats(x);
    const ws = floats(weight);
    for (let image = 0; image < n; image++) {
      for (let channel = 0; channel < c; channel++) {
        const group = Math.floor(channel / cPerGroup);
        for (let output = 0; output < oPerGroup; output++) {
          const target = (image * o + group * oPerGroup + output) * oh * ow;
          const kernel = (channel * oPerGroup + output) * kh * kw;
          for (let y = 0; y < h; y++) {
            for (let xx = 0; xx < w; xx++) {
              const value = xs[((image * c + channel) * h + y) * w + xx];
              for (let dy = 0; dy < kh; dy++) {
                const oy = y * attrs.stride[0] - attrs.padding[0] + dy * attrs.dilation[0];
                if (oy < 0 || oy >= oh) continue;
                for (let dx = 0; dx < kw; dx++) {
                  const ox = xx * attrs.stride[1] - attrs.padding[1] + dx * attrs.dilation[1];
                  if (ox >= 0 && ox < ow) sums[target + oy * ow + ox] += value * ws[kernel + dy * kw + dx];
                }
              }
            }
          }
        }
      }
    }
    const bias = attrs.hasBias ? floats(inputs[2]) : undefined;
    const activate = activationFunction(attrs.activation);
    for (let i = 0; i < sums.length; i++) {
      const channel = Math.floor(i / (oh * ow)) % o;
      out.data[i] = activate(sums[i] + (bias ? bias[channel] : 0));
    }
    return [out];
  },
  flops: ([x, weight]) =>
    2 * x.shape[0] * x.shape[1] * x.shape[2] * x.shape[3] * weight.shape[1] * weight.shape[2] * weight.shape[3],
};
