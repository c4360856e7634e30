/** `annotate` in a page or worker, where a canvas draws pictures too, with the page's own fonts. */

import type { AnnotatePicture, AnnotateTarget } from "../api/annotate.js";
import type { RgbImage } from "../image/types.js";
import type { AnnotateStyle } from "../yolov5/draw/drawStyle.js";
import type { Result } from "../yolov5/model.js";
import { annotateInPage } from "./annotateInPage.js";
import { IMPORTED_PARTS } from "./parts.js";

/**
 * Draws a result on a canvas or 2-D context, in place: boxes, masks and labels, or the best classes in the corner.
 * The picture itself is not drawn; it is assumed to fill the canvas, whatever its size, unless `style.area` is given.
 * The context's transformation is ignored, its clip is not.
 * @throws OptionError; ImageError if the canvas has no 2-D context.
 * @example
 * canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
 * annotate(canvas, await model.detect(image), { maskAlpha: 0.4 });
 */
export function annotate(target: AnnotateTarget, result: Result, style?: AnnotateStyle): void;
/**
 * A copy of a picture with a result drawn on it, as RGB.
 * @param picture anything that `detect` accepts: the result's own picture, or the same picture at another size.
 * @throws OptionError, ImageError, DownloadError.
 */
export function annotate(picture: AnnotatePicture, result: Result, style?: AnnotateStyle): Promise<RgbImage>;
export function annotate(
  target: AnnotateTarget | AnnotatePicture,
  result: Result,
  style: AnnotateStyle = {},
): Promise<RgbImage> | undefined {
  return annotateInPage(IMPORTED_PARTS, target, result, style);
}
