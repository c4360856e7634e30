/** The ops that only move data: upsample, concat, pad, slices, space ↔ depth, flatten. */

import { AttributeError } from "../errors.js";
import { elementCount, formatShape, type HostTensor } from "../tensor/index.js";
import type { Pair } from "./attributes.js";
import { MAX_REACH, MAX_STEP } from "./graph/limits.js";
import { checkCount, checkShape, nchw, type Op } from "./op.js";
import { checkPair, floatOutput, floats } from "./shapes.js";

export const upsampleNearestOp: Op<"upsampleNearest"> = {
  type: "upsampleNearest",
  infer([x], { scale }, node) {
    const [n, c, h, w] = nchw(x, "upsampleNearest", node);
    checkPair(scale, "scale", 1, "upsampleNearest", node, MAX_STEP);
    return [{ shape: [n, c, h * scale[0], w * scale[1]], dtype: x.dtype }];
  },
  reference([x], { scale }) {
    const [n, c, h, w] = x.shape;
    const [oh, ow] = [h * scale[0], w * scale[1]];
    const out = floatOutput([n, c, oh, ow], x);
    const data = floats(x);
    for (let plane = 0, i = 0; plane < n * c; plane++) {
      for (let oy = 0; oy < oh; oy++) {
        const row = (plane * h + Math.floor(oy / scale[0])) * w;
        for (let ox = 0; ox < ow; ox++) out.data[i++] = data[row + Math.floor(ox / scale[1])];
      }
    }
    return [out];
  },
  flops: () => 0,
};

export const concatOp: Op<"concat"> = {
  type: "concat",
  infer(inputs, { axis }, node) {
    const [first] = inputs;
    checkShape(inputs.length > 0, "concat", "needs at least one input", node);
    checkShape(
      Number.isInteger(axis) && axis >= 0 && axis < first.shape.length,
      "concat",
      `axis ${axis} is not one of ${formatShape(first.shape)}`,
      node,
    );
    let total = 0;
    for (const { shape } of inputs) {
      const fits = shape.length === first.shape.length && shape.every((d, i) => i === axis || d === first.shape[i]);
      checkShape(
        fits,
        "concat",
        `${formatShape(shape)} does not fit ${formatShape(first.shape)} along axis ${axis}`,
        node,
      );
      total += shape[axis];
    }
    return [{ shape: first.shape.map((d, i) => (i === axis ? total : d)), dtype: first.dtype }];
  },
  reference(inputs, attrs) {
    const [{ shape }] = concatOp.infer(inputs, attrs, "reference");
    const out = floatOutput(shape, inputs[0]);
    const outer = elementCount(shape.slice(0, attrs.axis));
    const step = elementCount(shape.slice(attrs.axis));
    let offset = 0;
    for (const x of inputs) {
      const chunk = elementCount(x.shape.slice(attrs.axis));
      for (let o = 0; o < outer; o++) out.data.set(floats(x).subarray(o * chunk, (o + 1) * chunk), o * step + offset);
      offset += chunk;
    }
    return [out];
  },
  flops: () => 0,
};

export const pad2dOp: Op<"pad2d"> = {
  type: "pad2d",
  infer([x], { padding }, node) {
    const [n, c, h, w] = nchw(x, "pad2d", node);
    const [left, right, top, bottom] = padding;
    const shape = [n, c, h + top + bottom, w + left + right];
    checkShape(
      padding.every((p) => Number.isInteger(p) && Math.abs(p) <= MAX_REACH) && shape[2] > 0 && shape[3] > 0,
      "pad2d",
      `padding [${padding}] does not fit ${h}×${w}`,
      node,
    );
    return [{ shape, dtype: x.dtype }];
  },
  reference([x], attrs) {
    const [{ shape }] = pad2dOp.infer([x], attrs, "reference");
    const [n, c, h, w] = x.shape;
    const [left, , top] = attrs.padding;
    const out = floatOutput(shape, x);
    out.data.fill(attrs.value);
    const data = floats(x);
    const [, , oh, ow] = shape;
    for (let plane = 0; plane < n * c; plane++) {
      for (let y = Math.max(0, -top); y < h && y + top < oh; y++) {
        for (let xx = Math.max(0, -left); xx < w && xx + left < ow; xx++) {
          out.data[(plane * oh + y + top) * ow + xx + left] = data[(plane * h + y) * w + xx];
        }
      }
    }
    return [out];
  },
  flops: () => 0,
};

const isBlock = (block: number): boolean => Number.isInteger(block) && block > 0 && block <= MAX_STEP;

/** (row, column) of each slice in channel order. */
function sliceOffsets(block: number, order: "focus" | "contract"): Pair[] {
  const offsets: Pair[] = [];
  for (let a = 0; a < block; a++) {
    for (let b = 0; b < block; b++) offsets.push(order === "focus" ? [b, a] : [a, b]);
  }
  return offsets;
}

export const spaceToDepthOp: Op<"spaceToDepth"> = {
  type: "spaceToDepth",
  infer([x], { block }, node) {
    const [n, c, h, w] = nchw(x, "spaceToDepth", node);
    checkShape(
      isBlock(block) && h % block === 0 && w % block === 0,
      "spaceToDepth",
      `${h}×${w} is not divisible by ${block}`,
      node,
    );
    return [{ shape: [n, c * block * block, h / block, w / block], dtype: x.dtype }];
  },
  reference([x], { block, order }) {
    const [n, c, h, w] = x.shape;
    const [oh, ow] = [h / block, w / block];
    const out = floatOutput([n, c * block * block, oh, ow], x);
    const data = floats(x);
    let i = 0;
    for (let image = 0; image < n; image++) {
      for (const [dy, dx] of sliceOffsets(block, order)) {
        for (let channel = 0; channel < c; channel++) {
          const plane = (image * c + channel) * h * w;
          for (let y = 0; y < oh; y++) {
            for (let xx = 0; xx < ow; xx++) out.data[i++] = data[plane + (y * block + dy) * w + xx * block + dx];
          }
        }
      }
    }
    return [out];
  },
  flops: () => 0,
};

export const depthToSpaceOp: Op<"depthToSpace"> = {
  type: "depthToSpace",
  infer([x], { block }, node) {
    const [n, c, h, w] = nchw(x, "depthToSpace", node);
    checkShape(
      isBlock(block) && c % (block * block) === 0,
      "depthToSpace",
      `${c} channels are not divisible by ${block}²`,
      node,
    );
    return [{ shape: [n, c / (block * block), h * block, w * block], dtype: x.dtype }];
  },
  reference([x], { block }) {
    const [n, c, h, w] = x.shape;
    const channels = c / (block * block);
    const out = floatOutput([n, channels, h * block, w * block], x);
    const data = floats(x);
    for (let image = 0; image < n; image++) {
      sliceOffsets(block, "contract").forEach(([dy, dx], slice) => {
        for (let channel = 0; channel < channels; channel++) {
          const from = (image * c + slice * channels + channel) * h * w;
          const to = (image * channels + channel) * h * block * w * block;
          for (let y = 0; y < h; y++) {
            for (let xx = 0; xx < w; xx++) {
              out.data[to + (y * block + dy) * w * block + xx * block + dx] = data[from + y * w + xx];
            }
          }
        }
      });
    }
    return [out];
  },
  flops: () => 0,
};

export const flattenOp: Op<"flatten"> = {
  type: "flatten",
  infer(inputs, _attrs, node) {
    checkCount(inputs, 1, "x", "flatten", node);
    const [x] = inputs;
    checkShape(x.shape.length > 0, "flatten", "a scalar has no first axis", node);
    return [{ shape: [x.shape[0], elementCount(x.shape.slice(1))], dtype: x.dtype }];
  },
  reference([x]) {
    return [{ ...x, shape: [x.shape[0], elementCount(x.shape.slice(1))] } as HostTensor];
  },
  flops: () => 0,
};

export const sliceChannelsOp: Op<"sliceChannels"> = {
  type: "sliceChannels",
  infer([x], { start, end }, node) {
    const [n, c, h, w] = nchw(x, "sliceChannels", node);
    if (!(Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start < end && end <= c)) {
      throw new AttributeError(`sliceChannels: [${start}, ${end}) is not within ${c} channels (${node})`, {
        start,
        end,
        c,
      });
    }
    return [{ shape: [n, end - start, h, w], dtype: x.dtype }];
  },
  reference([x], { start, end }) {
    const [n, c, h, w] = x.shape;
    const out = floatOutput([n, end - start, h, w], x);
    const chunk = (end - start) * h * w;
    for (let image = 0; image < n; image++) {
      const from = (image * c + start) * h * w;
      out.data.set(floats(x).subarray(from, from + chunk), image * chunk);
    }
    return [out];
  },
  flops: () => 0,
};
