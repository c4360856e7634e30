/** Descriptors of gradients that add up pixels: biases, pools, upsampling. */

import { defineKernel, foldWorkgroups, type KernelCall } from "../kernel.js";
import { pixelCount, type Stored, sizeParams, type Window, windowParams } from "../stored.js";
import channelSumSource from "./channel_sum.wgsl";
import poolGradientSource from "./max_pool_gradient.wgsl";
import poolIndexSource from "./max_pool_index.wgsl";
import sumBlocksSource from "./sum_blocks.wgsl";
import sumPartsSource from "./sum_parts.wgsl";

const channelSum = defineKernel("channel_sum", channelSumSource, { x: "read", y: "write" });
const sumParts = defineKernel("sum_parts", sumPartsSource, { x: "read", y: "write" });
const poolIndex = defineKernel("max_pool_index", poolIndexSource, { x: "read", y: "write" });
const poolGradient = defineKernel("max_pool_gradient", poolGradientSource, {
  places: "read",
  dy: "read",
  y: "write",
});
const sumBlocks = defineKernel("sum_blocks", sumBlocksSource, { x: "read", y: "write" });

/** Fewest pixels that an invocation of `channel_sum.wgsl` adds. */
const LEAST_PART = 16;

/** How many parts the sum of so many pixels has. */
export function channelSumParts(t: Stored): number {
  return Math.ceil(pixelCount(t) / partPixels(t));
}

/** As many as there are parts then, so that no sum is long. */
function partPixels(t: Stored): number {
  return Math.max(LEAST_PART, Math.ceil(Math.sqrt(pixelCount(t))));
}

/** Writes [part][channel]; channels are stored in order. */
export function channelSumCall(t: Stored, channels: number): KernelCall {
  return {
    kernel: channelSum,
    overrides: {},
    params: { plane: t.plane, pixels: pixelCount(t), channels, partPixels: partPixels(t) },
    workgroups: foldWorkgroups(Math.ceil(channelSumParts(t) / 64), t.quads),
  };
}

/** Dense [parts, count] → [count]. */
export function sumPartsCall(parts: number, count: number): KernelCall {
  return {
    kernel: sumParts,
    overrides: {},
    params: { parts, count },
    workgroups: foldWorkgroups(Math.ceil(count / 64)),
  };
}

/** Writes four indices a pixel of the pool's output, as which it is stored. */
export function maxPoolIndexCall(input: Stored, output: Stored, window: Window): KernelCall {
  return {
    kernel: poolIndex,
    overrides: {},
    params: { ...sizeParams({ input, output }), ...windowParams(window) },
    workgroups: foldWorkgroups(Math.ceil(pixelCount(output) / 64), output.quads),
  };
}

/** `input` and `output` are those of the pool: the gradient is stored as `input`. */
export function maxPoolGradientCall(input: Stored, output: Stored, window: Window): KernelCall {
  const { outPixels: _, ...sizes } = sizeParams({ input, output });
  return {
    kernel: poolGradient,
    overrides: {},
    params: { ...sizes, inPixels: pixelCount(input), ...windowParams(window) },
    workgroups: foldWorkgroups(Math.ceil(pixelCount(input) / 64), input.quads),
  };
}

export function sumBlocksCall(input: Stored, output: Stored, scale: readonly [number, number]): KernelCall {
  return {
    kernel: sumBlocks,
    overrides: {},
    params: { ...sizeParams({ input, output }), scaleY: scale[0], scaleX: scale[1] },
    workgroups: foldWorkgroups(Math.ceil(pixelCount(output) / 64), output.quads),
  };
}
