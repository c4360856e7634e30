/** Rotates and mirrors by EXIF orientation, so that every later stage sees an upright picture. */

import type { RgbImage } from "./types.js";

/**
 * For each orientation: does the upright picture swap width and height, and which stored pixel is at upright (x, y)?
 * The stored column is x (or y when swapped) counted from the left or the right, the stored row likewise.
 */
const RULES: Readonly<Record<number, { swap: boolean; fromRight: boolean; fromBottom: boolean }>> = {
  2: { swap: false, fromRight: true, fromBottom: false },
  3: { swap: false, fromRight: true, fromBottom: true },
  4: { swap: false, fromRight: false, fromBottom: true },
  5: { swap: true, fromRight: false, fromBottom: false },
  6: { swap: true, fromRight: false, fromBottom: true },
  7: { swap: true, fromRight: true, fromBottom: true },
  8: { swap: true, fromRight: true, fromBottom: false },
};

/** Applies EXIF orientation 1–8; 1, undefined and anything else return the picture unchanged. */
export function applyOrientation(image: RgbImage, orientation: number | undefined): RgbImage {
  const rule = orientation === undefined ? undefined : RULES[orientation];
  if (!rule) return image;
  const { width: storedWidth, height: storedHeight, data: source } = image;
  const width = rule.swap ? storedHeight : storedWidth;
  const height = rule.swap ? storedWidth : storedHeight;
  const data = new Uint8Array(source.length);
  const columnStep = rule.fromRight ? -3 : 3;
  const rowStep = (rule.fromBottom ? -3 : 3) * storedWidth;
  const origin =
    (rule.fromBottom ? storedHeight - 1 : 0) * storedWidth * 3 + (rule.fromRight ? storedWidth - 1 : 0) * 3;
  const xStep = rule.swap ? rowStep : columnStep;
  const yStep = rule.swap ? columnStep : rowStep;
  let to = 0;
  for (let y = 0; y < height; y++) {
    let from = origin + y * yStep;
    for (let x = 0; x < width; x++) {
      data[to] = source[from];
      data[to + 1] = source[from + 1];
      data[to + 2] = source[from + 2];
      to += 3;
      from += xStep;
    }
  }
  return { width, height, data };
}
