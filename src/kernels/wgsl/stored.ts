/**
 * How a four-dimensional tensor is stored in memory (`kernel.ts` describes the layout), and the parameters that
 * kernels get.
 */

import type { Pair } from "../../ops/attributes.js";
import type { Params } from "./kernel.js";

export type PixelBytes = 16 | 8;

/** Sizes of a stored tensor: pictures, height, width, groups of four channels, pixels from one group to the next. */
export interface Stored {
  readonly pictures: number;
  readonly height: number;
  readonly width: number;
  /** Groups of four channels. */
  readonly quads: number;
  /** Pixels from one quad to the next. */
  readonly plane: number;
  /** Bytes of four channels of a pixel: 16 in float32, 8 in float16. */
  readonly pixelBytes: PixelBytes;
}

/** Slices start at multiples of 256 bytes, the largest alignment that WebGPU may ask of a binding. */
const ALIGNMENT = 256;

export function storedTensor(
  pictures: number,
  storedChannels: number,
  height: number,
  width: number,
  pixelBytes: PixelBytes = 16,
): Stored {
  const pixels = pictures * height * width;
  const multiple = ALIGNMENT / pixelBytes;
  const plane = Math.ceil(pixels / multiple) * multiple;
  return { pictures, height, width, quads: Math.ceil(storedChannels / 4), plane, pixelBytes };
}

export function pixelCount(t: Stored): number {
  return t.pictures * t.height * t.width;
}

export function storedBytes(t: Stored): number {
  return t.quads * t.plane * t.pixelBytes;
}

/** Sizes of input and output, as most kernels' `Params` name them. */
export function sizeParams({ input, output }: { readonly input: Stored; readonly output: Stored }): Params {
  return {
    inHeight: input.height,
    inWidth: input.width,
    inPlane: input.plane,
    outHeight: output.height,
    outWidth: output.width,
    outPlane: output.plane,
    outPixels: pixelCount(output),
  };
}

export interface Window {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
}

/** A window that moves over the input, as the `Params` of convolutions and pools name it. */
export function windowParams({ kernel, stride, padding, dilation }: Window): Params {
  return {
    kernelHeight: kernel[0],
    kernelWidth: kernel[1],
    strideY: stride[0],
    strideX: stride[1],
    paddingY: padding[0],
    paddingX: padding[1],
    dilationY: dilation[0],
    dilationX: dilation[1],
  };
}
