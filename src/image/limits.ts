/** The bound on declared picture sizes, checked before anything is allocated. */

import { ImageError } from "../errors.js";

/**
 * Default for `maxPixels`: 2^28 pixels (16,384 × 16,384), 768 MiB as RGB. While decoding, a picture takes up to 16 bytes
 * a pixel (JPEG), so `maxPixels` × 16 bounds the memory that a hostile file can claim.
 */
export const DEFAULT_MAX_PIXELS = 2 ** 28;

/** OpenCV's bound on either side (`CV_IO_MAX_IMAGE_WIDTH`, `…_HEIGHT`). */
export const MAX_SIDE = 2 ** 20;

/** @throws ImageError for sizes of zero or beyond the bounds. `what` begins the message. */
export function checkPictureSize(what: string, width: number, height: number, maxPixels: number): void {
  if (!(width >= 1 && height >= 1)) {
    throw new ImageError(`${what}: says it is ${width}×${height} pixels; a picture has at least 1×1`, {
      width,
      height,
    });
  }
  if (width > MAX_SIDE || height > MAX_SIDE || width * height > maxPixels) {
    throw new ImageError(
      `${what}: says it is ${width}×${height} pixels, beyond the bound of ${maxPixels} pixels (${MAX_SIDE} a side); ` +
        "shrink it, or raise `maxPixels`",
      { width, height, maxPixels },
    );
  }
}
