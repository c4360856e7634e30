/** Rectangles out of pictures. */

import type { RgbImage } from "./types.js";

/** Whole pixels, inside the picture. */
export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A copy of a rectangle's pixels. */
export function crop(image: RgbImage, { x, y, width, height }: Rectangle): RgbImage {
  // Read once: in browsers it may be computed at this moment.
  const pixels = image.data;
  const data = new Uint8Array(width * height * 3);
  for (let row = 0; row < height; row++) {
    const from = ((y + row) * image.width + x) * 3;
    data.set(pixels.subarray(from, from + width * 3), row * width * 3);
  }
  return { width, height, data };
}
