/** Encodes RGB bytes as picture files: JPEG with `jpeg-js`, PNG with `fast-png`. */

import { encode as encodeFastPng } from "fast-png";
import { encode as encodeJpegJs } from "jpeg-js";
import { ImageError } from "../errors.js";
import type { RgbImage } from "./types.js";

function check(image: RgbImage, format: string, maxSide: number): void {
  const { width, height, data } = image;
  if (width < 1 || height < 1 || width > maxSide || height > maxSide || data.length !== width * height * 3) {
    throw new ImageError(
      `${format}: cannot write ${width}×${height} pixels with ${data.length} bytes; sides must be 1 to ${maxSide} and ` +
        "the bytes width × height × 3",
      { width, height, bytes: data.length },
    );
  }
}

/** RGB with a fourth byte per pixel, which jpeg-js expects but ignores. */
function padded({ width, height, data }: RgbImage): Uint8Array {
  const rgba = new Uint8Array(width * height * 4);
  for (let from = 0, to = 0; from < data.length; from += 3, to += 4) {
    rgba[to] = data[from];
    rgba[to + 1] = data[from + 1];
    rgba[to + 2] = data[from + 2];
  }
  return rgba;
}

/**
 * Runs `encode` with `Buffer.from(number[])`, which jpeg-js needs at its end. Browsers have no `Buffer`, so a stub is
 * installed for the duration of this synchronous call, invisible to other code.
 */
function withBuffer<T>(encode: () => T): T {
  const scope: { Buffer?: unknown } = globalThis;
  if (scope.Buffer !== undefined) return encode();
  scope.Buffer = { from: (bytes: ArrayLike<number>) => Uint8Array.from(bytes) };
  try {
    return encode();
  } finally {
    delete scope.Buffer;
  }
}

/**
 * A baseline JPEG file of `image`, with full chroma resolution.
 * @param quality 1 to 100 on libjpeg's scale; 95 is OpenCV's default and so `detect.py`'s.
 * @throws ImageError for empty pictures and for sides beyond JPEG's 65,535.
 */
export function encodeJpeg(image: RgbImage, quality = 95): Uint8Array {
  check(image, "encodeJpeg", 65535);
  const { width, height } = image;
  const clamped = Math.max(1, Math.min(Math.round(quality), 100));
  // A copy, since Node's small buffers share their memory.
  return new Uint8Array(withBuffer(() => encodeJpegJs({ width, height, data: padded(image) }, clamped).data));
}

/**
 * A PNG file of `image` (lossless, 8-bit colour).
 * @throws ImageError for empty pictures.
 */
export function encodePng(image: RgbImage): Uint8Array {
  check(image, "encodePng", 2 ** 31 - 1);
  const { width, height, data } = image;
  return encodeFastPng({ width, height, data, channels: 3, depth: 8 });
}
