/**
 * Recognises anything a canvas can draw, whatever frame or popup it comes from, and explains why it cannot be drawn.
 */

import type { PictureSource } from "../api/sources.js";
import { ImageError } from "../errors.js";
import { describeGiven, tagOf } from "../yolov5/input/given.js";

/** `DrawableSource` in terms of DOM types. */
export type Drawable =
  | ImageBitmap
  | HTMLCanvasElement
  | OffscreenCanvas
  | HTMLImageElement
  | HTMLVideoElement
  | VideoFrame;

/** The size properties of each kind, and why it may have no pixels. */
const KINDS: Readonly<Record<string, readonly [width: string, height: string, empty: string]>> = {
  HTMLImageElement: ["naturalWidth", "naturalHeight", "the <img> has no pixels yet; wait for its load event"],
  HTMLVideoElement: ["videoWidth", "videoHeight", "the <video> has no pixels yet; wait for its loadeddata event"],
  HTMLCanvasElement: ["width", "height", "the <canvas> has no pixels: one of its sides is 0"],
  OffscreenCanvas: ["width", "height", "the OffscreenCanvas has no pixels: one of its sides is 0"],
  ImageBitmap: ["width", "height", "the ImageBitmap has no pixels; it was closed or transferred"],
  VideoFrame: ["displayWidth", "displayHeight", "the VideoFrame has no pixels; it was closed or transferred"],
};

/** The kind of a drawable source; undefined for anything else. */
export function drawableKind(source: unknown): string | undefined {
  const tag = tagOf(source);
  return Object.hasOwn(KINDS, tag) ? tag : undefined;
}

/**
 * Width and height in pixels.
 * @throws ImageError for anything that cannot be drawn or has no pixels.
 */
export function drawableSize(source: unknown): readonly [width: number, height: number] {
  const kind = drawableKind(source);
  if (kind === undefined) {
    throw new ImageError(
      `a picture must be a URL, a file, encoded bytes, { data, width, height }, ImageData, ImageBitmap, canvas, <img>, <video> or VideoFrame, got ${describeGiven(source)}`,
    );
  }
  const [widthName, heightName, empty] = KINDS[kind];
  const sides = source as Readonly<Record<string, number>>;
  const [width, height] = [sides[widthName], sides[heightName]];
  if (width > 0 && height > 0) return [width, height];
  const broken = kind === "HTMLImageElement" && isBroken(source as HTMLImageElement);
  throw new ImageError(broken ? "the <img> shows nothing: its file could not be loaded" : empty, { width, height });
}

function isBroken(image: HTMLImageElement): boolean {
  return image.complete && image.currentSrc !== "";
}

/** The error for pixels that the page may not read, or that are gone. */
export function unreadable(error: unknown): ImageError {
  const crossOrigin = (error as Partial<Error>).name === "SecurityError";
  return new ImageError(
    crossOrigin
      ? "the picture comes from another site that sends no CORS header, so its pixels cannot be read; set crossorigin on the element or fetch it yourself"
      : `the picture cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    {},
    { cause: error },
  );
}

/** Releases the graphics memory of pixels that have been read or are not wanted. */
export function closePixels(source: PictureSource): void {
  const kind = drawableKind(source);
  if (kind === "ImageBitmap" || kind === "VideoFrame") (source as ImageBitmap | VideoFrame).close();
}
