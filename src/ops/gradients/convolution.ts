/** Gradients of convolutions: of the weight, and of the bias. That of the input is a convTranspose2d. */

import { allocate } from "../../tensor/index.js";
import { checkCount, checkShape, nchw } from "../op.js";
import { checkGroups, checkKernel, checkPair, floatOutput, floats, windowOutput } from "../shapes.js";
import type { GradientOp } from "./gradientOp.js";

export const convWeightGradientOp: GradientOp<"convWeightGradient"> = {
  type: "convWeightGradient",
  infer(inputs, attrs, node) {
    const op = "convWeightGradient";
    checkCount(inputs, 2, "x, dy", op, node);
    const [n, c, h, w] = nchw(inputs[0], op, node);
    const [ny, o, oh, ow] = nchw(inputs[1], op, node, "gradient");
    const { kernel, stride, padding, dilation, groups } = attrs;
    checkPair(stride, "stride", 1, op, node);
    checkPair(padding, "padding", 0, op, node);
    checkPair(dilation, "dilation", 1, op, node);
    checkKernel(kernel, dilation, op, node);
    checkGroups(groups, op, node);
    checkShape(n === ny, op, `${n} pictures need ${n} gradients, got ${ny}`, node);
    const divides = c % groups === 0 && o % groups === 0;
    checkShape(divides, op, `channels ${c} and ${o} must be divisible by groups ${groups}`, node);
    const fits = (size: number, out: number, axis: 0 | 1): boolean =>
      windowOutput(size, kernel[axis], stride[axis], padding[axis], dilation[axis]) === out;
    checkShape(fits(h, oh, 0) && fits(w, ow, 1), op, `gradient ${oh}×${ow} does not fit input ${h}×${w}`, node);
    return [{ shape: [o, c / groups, kernel[0], kernel[1]], dtype: inputs[0].dtype }];
  },
  reference([x, dy], { kernel, stride, padding, dilation, groups }) {
    const [n, c, h, w] = x.shape;
    const [, o, oh, ow] = dy.shape;
    const perGroup = c / groups;
    const out = floatOutput([o, perGroup, kernel[0], kernel[1]], x);
    const [xs, gs] = [floats(x), floats(dy)];
    let at = 0;
    for (let output = 0; output < o; output++) {
      const first = Math.floor(output / (o / groups)) * perGroup;
      for (let channel = first; channel < first + perGroup; channel++) {
        for (let ky = 0; ky < kernel[0]; ky++) {
          for (let kx = 0; kx < kernel[1]; kx++, at++) {
            let sum = 0;
            for (let image = 0; image < n; image++) {
              const from = (image * c + channel) * h * w;
              const grad = (image * o + output) * oh * ow;
              for (let y = 0; y < oh; y++) {
                const iy = y * stride[0] - padding[0] + ky * dilation[0];
                if (iy < 0 || iy >= h) continue;
                for (let xx = 0; xx < ow; xx++) {
                  const ix = xx * stride[1] - padding[1] + kx * dilation[1];
                  if (ix >= 0 && ix < w) sum += xs[from + iy * w + ix] * gs[grad + y * ow + xx];
                }
              }
            }
            out.data[at] = sum;
          }
        }
      }
    }
    return [out];
  },
};

export const channelSumOp: GradientOp<"channelSum"> = {
  type: "channelSum",
  infer(inputs, _attrs, node) {
    checkCount(inputs, 1, "x", "channelSum", node);
    const [, c] = nchw(inputs[0], "channelSum", node);
    return [{ shape: [c], dtype: inputs[0].dtype }];
  },
  reference([x]) {
    const [n, c, h, w] = x.shape;
    const sums = allocate("float64", c);
    const data = floats(x);
    for (let plane = 0; plane < n * c; plane++) {
      for (let i = plane * h * w; i < (plane + 1) * h * w; i++) sums[plane % c] += data[i];
    }
    const out = floatOutput([c], x);
    out.data.set(sums);
    return [out];
  },
};
