/** Draws results on pictures in memory. */

import { Canvas } from "../../image/draw/canvas.js";
import type { RgbImage } from "../../image/types.js";
import { drawResult } from "./drawResult.js";
import { type AnnotateStyle, type DrawnResult, resolveStyle } from "./drawStyle.js";

/**
 * The picture with the result drawn on it, at the result's size or another.
 * @param options `inPlace`: draw on the given pixels instead of a copy.
 * @throws OptionError.
 */
export function drawOnPixels(
  image: RgbImage,
  result: DrawnResult,
  style: AnnotateStyle = {},
  { inPlace = false }: { readonly inPlace?: boolean } = {},
): RgbImage {
  const resolved = resolveStyle(style);
  const canvas = new Canvas(image, style.font, inPlace);
  drawResult(canvas, result, { ...resolved, area: undefined });
  return canvas.image;
}
