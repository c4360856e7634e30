/** maxPool2d and globalAveragePool. */

import { elementCount } from "../tensor/index.js";
import type { OpAttributes } from "./attributes.js";
import { MAX_STEP } from "./graph/limits.js";
import { checkShape, nchw, type Op } from "./op.js";
import { checkKernel, checkPair, floatOutput, floats, windowOutput } from "./shapes.js";

type PoolAttributes = OpAttributes["maxPool2d"];

/** PyTorch's output size: with `ceilMode` the last window must still start inside the input or its left padding. */
function pooled(size: number, axis: 0 | 1, attrs: PoolAttributes): number {
  const { kernel, stride, padding, dilation, ceilMode } = attrs;
  const floor = windowOutput(size, kernel[axis], stride[axis], padding[axis], dilation[axis]);
  if (!ceilMode) return floor;
  const reach = dilation[axis] * (kernel[axis] - 1) + 1;
  const ceil = Math.ceil((size + 2 * padding[axis] - reach) / stride[axis]) + 1;
  return (ceil - 1) * stride[axis] >= size + padding[axis] ? ceil - 1 : ceil;
}

export const maxPool2dOp: Op<"maxPool2d"> = {
  type: "maxPool2d",
  infer([x], attrs, node) {
    const [n, c, h, w] = nchw(x, "maxPool2d", node);
    checkPair(attrs.kernel, "kernel", 1, "maxPool2d", node);
    checkPair(attrs.stride, "stride", 1, "maxPool2d", node, MAX_STEP);
    checkPair(attrs.padding, "padding", 0, "maxPool2d", node);
    checkPair(attrs.dilation, "dilation", 1, "maxPool2d", node);
    checkKernel(attrs.kernel, attrs.dilation, "maxPool2d", node);
    for (const axis of [0, 1] as const) {
      const half = Math.floor(attrs.kernel[axis] / 2);
      checkShape(
        attrs.padding[axis] <= half,
        "maxPool2d",
        `padding ${attrs.padding[axis]} must be at most half the kernel ${attrs.kernel[axis]}`,
        node,
      );
    }
    const shape = [n, c, pooled(h, 0, attrs), pooled(w, 1, attrs)];
    checkShape(
      shape[2] > 0 && shape[3] > 0,
      "maxPool2d",
      `input ${h}×${w} is smaller than the kernel ${attrs.kernel}`,
      node,
    );
    return [{ shape, dtype: x.dtype }];
  },
  reference([x], attrs) {
    const [n, c, h, w] = x.shape;
    const oh = pooled(h, 0, attrs);
    const ow = pooled(w, 1, attrs);
    const out = floatOutput([n, c, oh, ow], x);
    const data = floats(x);
    const [dh, dw] = attrs.dilation;
    for (let plane = 0; plane < n * c; plane++) {
      const start = plane * h * w;
      for (let oy = 0; oy < oh; oy++) {
        for (let ox = 0; ox < ow; ox++) {
          let top = Number.NEGATIVE_INFINITY;
          for (let ky = 0; ky < attrs.kernel[0]; ky++) {
            const iy = oy * attrs.stride[0] - attrs.padding[0] + ky * dh;
            if (iy < 0 || iy >= h) continue;
            for (let kx = 0; kx < attrs.kernel[1]; kx++) {
              const ix = ox * attrs.stride[1] - attrs.padding[1] + kx * dw;
              if (ix < 0 || ix >= w) continue;
              const value = data[start + iy * w + ix];
              // A NaN wins, as in PyTorch.
              if (value > top || Number.isNaN(value)) top = value;
            }
          }
          out.data[(plane * oh + oy) * ow + ox] = top;
        }
      }
    }
    return [out];
  },
  flops: (_, [y], { kernel }) => elementCount(y.shape) * kernel[0] * kernel[1],
};

export const globalAveragePoolOp: Op<"globalAveragePool"> = {
  type: "globalAveragePool",
  infer([x], _attrs, node) {
    const [n, c] = nchw(x, "globalAveragePool", node);
    return [{ shape: [n, c, 1, 1], dtype: x.dtype }];
  },
  reference([x]) {
    const [n, c, h, w] = x.shape;
    const out = floatOutput([n, c, 1, 1], x);
    const data = floats(x);
    for (let plane = 0; plane < n * c; plane++) {
      let sum = 0;
      for (let i = plane * h * w; i < (plane + 1) * h * w; i++) sum += data[i];
      out.data[plane] = sum / (h * w);
    }
    return [out];
  },
  flops: ([x]) => elementCount(x.shape),
};
