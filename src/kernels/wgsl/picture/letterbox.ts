/** Descriptor of `letterbox.wgsl`. */

import { defineKernel, foldWorkgroups, type KernelCall } from "../kernel.js";
import source from "./letterbox.wgsl";
import pixelsBytes from "./pixels_bytes.wgsl";
import pixelsTexture from "./pixels_texture.wgsl";

const REST = { taps: "read", levels: "read", y: "write" } as const;
const fromBytes = defineKernel("letterbox", source, { source: "read", ...REST }, { modules: [pixelsBytes] });
const fromTexture = defineKernel("letterbox", source, { source: "texture", ...REST }, { modules: [pixelsTexture] });

export interface LetterboxSizes {
  /** The network's input. */
  readonly width: number;
  readonly height: number;
  /** Where the picture goes in it. */
  readonly x: number;
  readonly y: number;
  readonly contentWidth: number;
  readonly contentHeight: number;
  /** Which picture of the batch. */
  readonly index: number;
  readonly grey: number;
  /** Of a picture in memory: pixels of a row, bytes of a pixel. */
  readonly sourceWidth: number;
  readonly sourceBytes: number;
}

/** Bindings: the picture, its bytes or a texture (`rgba8unorm`); taps of columns and rows; 256 floats, byte / 255; the input of the whole batch. */
export function letterboxCall(sizes: LetterboxSizes, from: "bytes" | "texture"): KernelCall {
  const { index, ...params } = sizes;
  const { width, height } = sizes;
  return {
    kernel: from === "texture" ? fromTexture : fromBytes,
    variant: from,
    overrides: {},
    params: { ...params, first: index * 3 * width * height },
    workgroups: foldWorkgroups(Math.ceil((width * height) / 64)),
  };
}
