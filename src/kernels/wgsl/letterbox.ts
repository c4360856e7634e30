/** Descriptor of `letterbox.wgsl`. */

import { defineKernel, foldWorkgroups, type KernelCall } from "./kernel.js";
import source from "./letterbox.wgsl";
import pixelsBytes from "./pixels_bytes.wgsl";

const letterbox = defineKernel(
  "letterbox",
  source,
  { source: "read", taps: "read", levels: "read", y: "write" },
  { modules: [pixelsBytes] },
);

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
  readonly sourceWidth: number;
  /** Bytes of a pixel. */
  readonly sourceBytes: number;
}

/** Bindings: the picture's bytes; taps of columns and rows; 256 floats, byte / 255; the input of the whole batch. */
export function letterboxCall(sizes: LetterboxSizes): KernelCall {
  const { width, height, x, y, contentWidth, contentHeight, index, grey, sourceWidth, sourceBytes } = sizes;
  const first = index * 3 * width * height;
  return {
    kernel: letterbox,
    overrides: {},
    params: { uints: [width, height, x, y, contentWidth, contentHeight, first, grey, sourceWidth, sourceBytes] },
    workgroups: foldWorkgroups(Math.ceil((width * height) / 64)),
  };
}
