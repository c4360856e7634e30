/** `annotate`, the same in Node and in pages: canvases are drawn on at once; pictures are read, which the entries do. */

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

/** What is drawn on in place: a canvas or its 2-D context; an `OffscreenCanvas` too. */
export type AnnotateTarget = CanvasLike | Context2dLike;

/** What is copied and drawn on: all that `detect` takes, except for canvases. */
export type AnnotatePicture = Exclude<PictureSource, CanvasLike>;

/**
 * @param draw reads, decodes and draws on a picture.
 * @throws OptionError, ImageError: at once for a canvas, as a rejection for a picture.
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

/** Also what JavaScript gives wrongly is a rejection, not an exception of the call. */
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
    // A canvas of a hidden page has no pixels.
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
    "annotate: this canvas gives no 2-D context (it has one of another kind, or belongs to a worker); draw on one of its own over it",
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
      `annotate: the result must be one that model.detect gives (of a list, one of its entries), got ${Array.isArray(result) ? "a list" : shown(result)}`,
    );
  }
}
