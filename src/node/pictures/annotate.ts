/** `annotate` in Node: draws on pictures in memory with the font of `openLabelFont`. */

import { type AnnotatePicture, type AnnotateTarget, annotateWith } from "../../api/annotate.js";
import type { PictureSource } from "../../api/sources.js";
import type { RgbImage } from "../../image/types.js";
import { drawOnPixels } from "../../yolov5/draw/drawPixels.js";
import type { AnnotateStyle, DrawnResult } from "../../yolov5/draw/drawStyle.js";
import type { Result } from "../../yolov5/model.js";
import { openLabelFont } from "./labelFont.js";
import { readPictureSource } from "./pictureSource.js";

/**
 * Draws a result on a canvas or 2-D context, in place: boxes, masks and labels, or the best classes in the corner.
 * The picture itself is not drawn; it is assumed to fill the canvas, whatever its size, unless `style.area` is given.
 * The context's transformation is ignored, its clip is not.
 * @throws OptionError; ImageError if the canvas has no 2-D context.
 */
export function annotate(target: AnnotateTarget, result: Result, style?: AnnotateStyle): void;
/**
 * A copy of a picture with a result drawn on it, as RGB, as `yolov5 detect` draws it.
 * @param picture anything that `detect` accepts: the result's own picture, or the same picture at another size.
 * @throws OptionError, ImageError, DownloadError.
 * @example
 * const image = await annotate("bus.jpg", await model.detect("bus.jpg"), { hideConf: true });
 * await savePicture("bus-found.png", image);
 */
export function annotate(picture: AnnotatePicture, result: Result, style?: AnnotateStyle): Promise<RgbImage>;
export function annotate(
  target: AnnotateTarget | AnnotatePicture,
  result: Result,
  style: AnnotateStyle = {},
): Promise<RgbImage> | undefined {
  return annotateWith(drawOnPicture, target, result, style);
}

async function drawOnPicture(source: PictureSource, result: Result, style: AnnotateStyle): Promise<RgbImage> {
  const { image } = await readPictureSource(source, { maxPixels: style.maxPixels, signal: style.signal });
  return drawWithFont(image, result, style);
}

/** With glyphs for all class names, as far as this system has them. */
export async function drawWithFont(image: RgbImage, result: DrawnResult, style: AnnotateStyle): Promise<RgbImage> {
  return drawOnPixels(image, result, { ...style, font: style.font ?? (await openLabelFont(result.names)) });
}
