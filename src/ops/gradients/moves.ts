/** Gradients of ops that move data: sums and moves the other way. */

import { elementCount } from "../../tensor/index.js";
import { checkCount, checkShape, nchw } from "../op.js";
import { floatOutput, floats } from "../shapes.js";
import type { GradientOp } from "./gradientOp.js";

export const sumBlocksOp: GradientOp<"sumBlocks"> = {
  type: "sumBlocks",
  infer(inputs, { scale }, node) {
    checkCount(inputs, 1, "dy", "sumBlocks", node);
    const [n, c, h, w] = nchw(inputs[0], "sumBlocks", node);
    checkShape(h % scale[0] === 0 && w % scale[1] === 0, "sumBlocks", `${h}×${w} is no multiple of ${scale}`, node);
    return [{ shape: [n, c, h / scale[0], w / scale[1]], dtype: inputs[0].dtype }];
  },
  reference([dy], { scale: [sy, sx] }) {
    const [n, c, h, w] = dy.shape;
    const out = floatOutput([n, c, h / sy, w / sx], dy);
    const data = floats(dy);
    for (let i = 0; i < data.length; i++) {
      const [row, x] = [Math.floor(i / w), i % w];
      const [plane, y] = [Math.floor(row / h), row % h];
      out.data[(plane * (h / sy) + Math.floor(y / sy)) * (w / sx) + Math.floor(x / sx)] += data[i];
    }
    return [out];
  },
};

export const insertChannelsOp: GradientOp<"insertChannels"> = {
  type: "insertChannels",
  infer(inputs, { start, channels }, node) {
    checkCount(inputs, 1, "dy", "insertChannels", node);
    const [n, c, ...rest] = inputs[0].shape;
    const fits = start >= 0 && start + c <= channels;
    checkShape(fits, "insertChannels", `${c} channels from ${start} on are not within ${channels}`, node);
    return [{ shape: [n, channels, ...rest], dtype: inputs[0].dtype }];
  },
  reference([dy], { start, channels }) {
    const [n, c, ...rest] = dy.shape;
    const plane = elementCount(rest);
    const out = floatOutput([n, channels, ...rest], dy);
    for (let image = 0; image < n; image++) {
      out.data.set(floats(dy).subarray(image * c * plane, (image + 1) * c * plane), (image * channels + start) * plane);
    }
    return [out];
  },
};

export const sliceAxisOp: GradientOp<"sliceAxis"> = {
  type: "sliceAxis",
  infer(inputs, { axis, start, end }, node) {
    checkCount(inputs, 1, "dy", "sliceAxis", node);
    const shape = [...inputs[0].shape];
    const fits = start >= 0 && start < end && end <= shape[axis];
    checkShape(fits, "sliceAxis", `[${start}, ${end}) of axis ${axis} is not within ${shape}`, node);
    shape[axis] = end - start;
    return [{ shape, dtype: inputs[0].dtype }];
  },
  reference([dy], { axis, start, end }) {
    const shape = [...dy.shape];
    shape[axis] = end - start;
    const out = floatOutput(shape, dy);
    const inner = elementCount(dy.shape.slice(axis + 1));
    const row = dy.shape[axis] * inner;
    const kept = (end - start) * inner;
    for (let outer = 0; outer < elementCount(dy.shape.slice(0, axis)); outer++) {
      const from = outer * row + start * inner;
      out.data.set(floats(dy).subarray(from, from + kept), outer * kept);
    }
    return [out];
  },
};

export const spreadPixelsOp: GradientOp<"spreadPixels"> = {
  type: "spreadPixels",
  infer(inputs, { size }, node) {
    checkCount(inputs, 1, "dy", "spreadPixels", node);
    const [n, c, h, w] = nchw(inputs[0], "spreadPixels", node);
    checkShape(h === 1 && w === 1, "spreadPixels", `gradient must be of one pixel, got ${h}×${w}`, node);
    return [{ shape: [n, c, size[0], size[1]], dtype: inputs[0].dtype }];
  },
  reference([dy], { size: [h, w] }) {
    const out = floatOutput([dy.shape[0], dy.shape[1], h, w], dy);
    const area = h * w;
    floats(dy).forEach((value, plane) => {
      out.data.fill(value / area, plane * area, (plane + 1) * area);
    });
    return [out];
  },
};

export const reshapeOp: GradientOp<"reshape"> = {
  type: "reshape",
  infer(inputs, { shape }, node) {
    checkCount(inputs, 1, "dy", "reshape", node);
    const same = elementCount(shape) === elementCount(inputs[0].shape);
    checkShape(same, "reshape", `${inputs[0].shape} has not as many elements as ${shape}`, node);
    return [{ shape, dtype: inputs[0].dtype }];
  },
  reference([dy], { shape }) {
    const out = floatOutput(shape, dy);
    out.data.set(floats(dy));
    return [out];
  },
};

export const spaceToDepthGradientOp: GradientOp<"spaceToDepthGradient"> = {
  type: "spaceToDepthGradient",
  infer(inputs, { block }, node) {
    checkCount(inputs, 1, "dy", "spaceToDepthGradient", node);
    const [n, c, h, w] = nchw(inputs[0], "spaceToDepthGradient", node);
    const divides = c % block ** 2 === 0;
    checkShape(divides, "spaceToDepthGradient", `channels ${c} must be divisible by ${block ** 2}`, node);
    return [{ shape: [n, c / block ** 2, h * block, w * block], dtype: inputs[0].dtype }];
  },
  reference([dy], { block, order }) {
    const [n, c, h, w] = dy.shape;
    const channels = c / block ** 2;
    const out = floatOutput([n, channels, h * block, w * block], dy);
    const data = floats(dy);
    for (let i = 0; i < data.length; i++) {
      const [x, y] = [i % w, Math.floor(i / w) % h];
      const [channel, image] = [Math.floor(i / (w * h)) % c, Math.floor(i / (w * h * c))];
      const slice = Math.floor(channel / channels);
      const [major, minor] = [Math.floor(slice / block), slice % block];
      const [oy, ox] = order === "focus" ? [minor, major] : [major, minor];
      const plane = image * channels + (channel % channels);
      out.data[(plane * h * block + y * block + oy) * w * block + x * block + ox] = data[i];
    }
    return [out];
  },
};
