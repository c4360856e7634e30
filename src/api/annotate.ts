/** `annotate`, shared by Node and pages. Canvases are drawn on at once; reading pictures is up to each entry. */

import { ImageError, OptionError } from "../errors.js";
import { type Context2dLike, drawOnContext } from "../image/draw/context2d.js";
import type { RgbImage } from "../image/types.js";
import { signalOf, untilAborted } from "../yolov5/calls/abort.js";
import { shown } from "../yolov5/calls/checks.js";
import { drawResult } from "../yolov5/draw/drawResult.js";
import { type AnnotateStyle, resolveStyle } from "../yolov5/draw/drawStyle.js";
import type { Result } from "../yolov5/model.js";
import type { CanvasLike, PictureSource } from "./sources.js";

export type { Context2dLike } from "../image/draw/context2d.js";

/** A target drawn on in place: a canvas, an `OffscreenCanvas`, or a 2-D context. */
export type AnnotateTarget = CanvasLike | Context2dLike;

/** A picture that is copied and drawn on: anything that `detect` accepts, except canvases. */
export type AnnotatePicture = Exclude<PictureSource, CanvasLike>;

/**
 * @param draw reads, decodes and draws on a picture.
 * @throws OptionError, ImageError: synchronously for a canvas, as a rejection for a picture.
 */
export function annotateWith(
  draw: (picture: PictureSource, result: Result, style: AnnotateStyle) => Promise<RgbImage>,
  target: AnnotateTarget | AnnotatePicture,
  result: Result,
  style: AnnotateStyle,
): Promise<RgbImage> | undefined {
  if (!isCanvas(target) && !isContext(target)) return drawChecked(draw, target, result, style);
  drawOnTarget(target, result, style);
  return undefined;
}

/** Invalid arguments from JavaScript cause a rejection too, not a synchronous exception. */
async function drawChecked(
  draw: (picture: PictureSource, result: Result, style: AnnotateStyle) => Promise<RgbImage>,
  picture: PictureSource,
  result: Result,
  style: AnnotateStyle,
): Promise<RgbImage> {
  checkResult(result);
  resolveStyle(style);
  return untilAborted(signalOf(style.signal), (signal) => draw(picture, result, { ...style, signal }));
}

/** @throws OptionError, ImageError. */
export function drawOnTarget(target: AnnotateTarget, result: Result, style: AnnotateStyle): void {
  checkResult(result);
  const resolved = resolveStyle(style);
  const context = isContext(target) ? target : contextOf(target);
  drawOnContext(context, style.fontFamily ?? "sans-serif", (surface) => {
    // A canvas may have no pixels while its page is hidden.
    if (surface.width > 0 && surface.height > 0) drawResult(surface, result, resolved);
  });
}

function contextOf(canvas: CanvasLike): Context2dLike {
  let context: unknown;
  let cause: unknown;
  try {
    context = canvas.getContext("2d");
  } catch (error) {
    cause = error;
  }
  if (isContext(context)) return context;
  throw new ImageError(
    "annotate: this canvas has no 2-D context (it has another kind of context, or belongs to a worker); draw on a separate canvas on top of it",
    {},
    { cause },
  );
}

function isCanvas(value: unknown): value is CanvasLike {
  return typeof value === "object" && value !== null && "getContext" in value && typeof value.getContext === "function";
}

function isContext(value: unknown): value is Context2dLike {
  return (
    typeof value === "object" &&
    value !== null &&
    "fillText" in value &&
    typeof value.fillText === "function" &&
    "canvas" in value &&
    typeof value.canvas === "object"
  );
}

function checkResult(result: Result): void {
  const { width, height } = result ?? {};
  const listed = result?.task === "classify" ? result.top5 : result?.detections;
  if (!(Number(width) > 0 && Number(height) > 0 && Array.isArray(listed))) {
    throw new OptionError(
      `annotate: the result must be one returned by model.detect (for a list, one of its entries), got ${Array.isArray(result) ? "a list" : shown(result)}`,
    );
  }
}
