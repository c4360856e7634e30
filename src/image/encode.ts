/** Encodes RGB bytes as picture files: JPEG, and PNG with `fast-png`. */

import { encode as encodeFastPng } from "fast-png";
import { ImageError } from "../errors.js";
import { encodeBaseline } from "./jpeg/encode/encode.js";
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

/**
 * A baseline JPEG file of `image`, with full chroma resolution.
 * @param quality 1 to 100 on libjpeg's scale; 95 is OpenCV's default and so `detect.py`'s.
 * @throws ImageError for empty pictures and for sides beyond JPEG's 65,535.
 */
export function encodeJpeg(image: RgbImage, quality = 95): Uint8Array {
  check(image, "encodeJpeg", 65535);
  return encodeBaseline(image, Math.max(1, Math.min(Math.round(quality), 100)));
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
