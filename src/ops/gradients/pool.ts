/** maxPoolGradient. */

import { checkCount, nchw } from "../op.js";
import { maxPool2dOp } from "../pool.js";
import { elementwiseOutput, floats } from "../shapes.js";
import { checkGradient, type GradientOp } from "./gradientOp.js";

export const maxPoolGradientOp: GradientOp<"maxPoolGradient"> = {
  type: "maxPoolGradient",
  infer(inputs, attrs, node) {
    checkCount(inputs, 2, "x, dy", "maxPoolGradient", node);
    nchw(inputs[0], "maxPoolGradient", node);
    const [{ shape }] = maxPool2dOp.infer([inputs[0]], attrs, node);
    checkGradient(inputs[1], shape, "maxPoolGradient", node);
    return [{ shape: inputs[0].shape, dtype: inputs[0].dtype }];
  },
  reference([x, dy], { kernel, stride, padding, dilation }) {
    const [n, c, h, w] = x.shape;
    const [, , oh, ow] = dy.shape;
    const out = elementwiseOutput(x);
    const [xs, gs] = [floats(x), floats(dy)];
    for (let plane = 0; plane < n * c; plane++) {
      const start = plane * h * w;
      for (let p = 0; p < oh * ow; p++) {
        const y0 = Math.floor(p / ow) * stride[0] - padding[0];
        const x0 = (p % ow) * stride[1] - padding[1];
        let top = Number.NEGATIVE_INFINITY;
        let place = -1;
        for (let iy = y0; iy < y0 + kernel[0] * dilation[0]; iy += dilation[0]) {
          if (iy < 0 || iy >= h) continue;
          for (let ix = x0; ix < x0 + kernel[1] * dilation[1]; ix += dilation[1]) {
            if (ix < 0 || ix >= w) continue;
            const value = xs[start + iy * w + ix];
            if (value > top || Number.isNaN(value) || place < 0) {
              top = value;
              place = start + iy * w + ix;
            }
          }
        }
        if (place >= 0) out.data[place] += gs[plane * oh * ow + p];
      }
    }
    return [out];
  },
};
