/** Descriptors of the kernels that only move data. */

import { defineKernel, foldWorkgroups, type KernelCall } from "../kernel.js";
import { pixelCount, type Stored, sizeParams } from "../stored.js";
import concatDenseSource from "./concat_dense.wgsl";
import copyChannelsSource from "./copy_channels.wgsl";
import depthToSpaceSource from "./depth_to_space.wgsl";
import packBlocksSource from "./pack_blocks.wgsl";
import packSource from "./pack_nchw.wgsl";
import padSource from "./pad2d.wgsl";
import spaceToDepthSource from "./space_to_depth.wgsl";
import unpackSource from "./unpack_nchw.wgsl";
import upsampleSource from "./upsample_nearest.wgsl";

const upsample = defineKernel("upsample_nearest", upsampleSource, { x: "read", y: "write" });
const pad = defineKernel("pad2d", padSource, { x: "read", y: "write" });
const copyChannels = defineKernel("copy_channels", copyChannelsSource, { x: "read", source: "read", y: "write" });
const pack = defineKernel("pack_nchw", packSource, { x: "read", y: "write" });
const packBlocks = defineKernel("pack_blocks", packBlocksSource, { x: "read", y: "write" });
const unpack = defineKernel("unpack_nchw", unpackSource, { x: "read", source: "read", y: "write" });
const spaceToDepth = defineKernel("space_to_depth", spaceToDepthSource, { x: "read", y: "write" });
const depthToSpace = defineKernel("depth_to_space", depthToSpaceSource, { x: "read", y: "write" });
const concatDense = defineKernel("concat_dense", concatDenseSource, { x: "read", y: "write" });

const perPixel = (t: Stored, rows: number) => foldWorkgroups(Math.ceil(pixelCount(t) / 64), rows);

export function upsampleNearestCall(input: Stored, output: Stored, scale: readonly [number, number]): KernelCall {
  return {
    kernel: upsample,
    overrides: {},
    params: { ...sizeParams({ input, output }), scaleY: scale[0], scaleX: scale[1] },
    workgroups: perPixel(output, output.quads),
  };
}

/** `padding` is [left, right, top, bottom]. */
export function pad2dCall(
  input: Stored,
  output: Stored,
  padding: readonly [number, number, number, number],
  value: number,
): KernelCall {
  const [left, , top] = padding;
  return {
    kernel: pad,
    overrides: {},
    params: { ...sizeParams({ input, output }), top, left, value },
    workgroups: perPixel(output, output.quads),
  };
}

/** Binding `source`: for every stored output channel the stored input channel, or 0xffffffff for zero. */
export function copyChannelsCall(input: Stored, output: Stored): KernelCall {
  return {
    kernel: copyChannels,
    overrides: {},
    params: { inPlane: input.plane, outPlane: output.plane, outPixels: pixelCount(output) },
    workgroups: perPixel(output, output.quads),
  };
}

export function packNchwCall(channels: number, output: Stored): KernelCall {
  return {
    kernel: pack,
    overrides: {},
    params: {
      channels,
      perPicture: output.height * output.width,
      outPlane: output.plane,
      outPixels: pixelCount(output),
    },
    workgroups: perPixel(output, output.quads),
  };
}

/** `output` has a quarter of the pixels and four times the channels; the input's sides are even. */
export function packBlocksCall(channels: number, output: Stored): KernelCall {
  const { height, width, plane } = output;
  return {
    kernel: packBlocks,
    overrides: {},
    params: {
      channels,
      inHeight: 2 * height,
      inWidth: 2 * width,
      outWidth: width,
      perPicture: height * width,
      outPlane: plane,
      outPixels: pixelCount(output),
    },
    workgroups: perPixel(output, output.quads),
  };
}

/** Binding `source`: the stored channel of every channel. */
export function unpackNchwCall(input: Stored, channels: number): KernelCall {
  return {
    kernel: unpack,
    overrides: {},
    params: { channels, perPicture: input.height * input.width, inPlane: input.plane, outPixels: pixelCount(input) },
    workgroups: perPixel(input, channels),
  };
}

/** `channels` is the input's number of channels, stored in order. */
export function spaceToDepthCall(
  input: Stored,
  output: Stored,
  channels: number,
  block: number,
  order: "focus" | "contract",
): KernelCall {
  return {
    kernel: spaceToDepth,
    overrides: { FOCUS: order === "focus" ? 1 : 0 },
    params: { ...sizeParams({ input, output }), channels, block },
    workgroups: perPixel(output, output.quads),
  };
}

/** `channels` is the output's number of channels; the input's are stored in order. */
export function depthToSpaceCall(input: Stored, output: Stored, channels: number, block: number): KernelCall {
  return {
    kernel: depthToSpace,
    overrides: {},
    params: { ...sizeParams({ input, output }), channels, block },
    workgroups: perPixel(output, output.quads),
  };
}

/** Copies [outer, chunk] into [outer, step] at `offset`; `count` = outer · chunk. */
export function concatDenseCall(chunk: number, step: number, offset: number, count: number): KernelCall {
  return {
    kernel: concatDense,
    overrides: {},
    params: { chunk, step, offset, count },
    workgroups: foldWorkgroups(Math.ceil(count / 64)),
  };
}
