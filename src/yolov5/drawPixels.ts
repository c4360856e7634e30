/** Results drawn on a copy of their pictures in memory. */

import { Canvas } from "../image/draw/canvas.js";
import type { RgbImage } from "../image/types.js";
import { drawResult } from "./drawResult.js";
import { type AnnotateStyle, type DrawnResult, resolveStyle } from "./drawStyle.js";

/**
 * A copy of the picture with the result on it; at the result's size or another.
 * @throws OptionError.
 */
export function drawOnPixels(image: RgbImage, result: DrawnResult, style: AnnotateStyle = {}): RgbImage {
  const resolved = resolveStyle(style);
  const canvas = new Canvas(image, style.font);
  drawResult(canvas, result, { ...resolved, area: undefined });
  return canvas.image;
}
