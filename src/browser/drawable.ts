/** What a canvas can draw, told by what it is, of whatever frame or popup it comes; and what keeps it from being drawn. */

import type { PictureSource } from "../api/sources.js";
import { ImageError } from "../errors.js";
import { describeGiven, tagOf } from "../yolov5/input/given.js";

/** `DrawableSource` as this browser has it. */
export type Drawable =
  | ImageBitmap
  | HTMLCanvasElement
  | OffscreenCanvas
  | HTMLImageElement
  | HTMLVideoElement
  | VideoFrame;

/** Where each kind has its size, and why it may have none. */
const KINDS: Readonly<Record<string, readonly [width: string, height: string, empty: string]>> = {
  HTMLImageElement: ["naturalWidth", "naturalHeight", "the <img> has no pixels yet; wait for its load event"],
  HTMLVideoElement: ["videoWidth", "videoHeight", "the <video> has no pixels yet; wait for its loadeddata event"],
  HTMLCanvasElement: ["width", "height", "the <canvas> has no pixels: one of its sides is 0"],
  OffscreenCanvas: ["width", "height", "the OffscreenCanvas has no pixels: one of its sides is 0"],
  ImageBitmap: ["width", "height", "the ImageBitmap has no pixels; it was closed or given away"],
  VideoFrame: ["displayWidth", "displayHeight", "the VideoFrame has no pixels; it was closed or given away"],
};

/** The kind of something that can be drawn; undefined for everything else. */
export function drawableKind(source: unknown): string | undefined {
  const tag = tagOf(source);
  return Object.hasOwn(KINDS, tag) ? tag : undefined;
}

/**
 * Width and height in pixels.
 * @throws ImageError for what cannot be drawn, and for what has no pixels.
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

/** What a page may not read, or what is no longer there. */
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

/** Lets go of graphics memory that pixels hold, once they are read or where they are not wanted. */
export function closePixels(source: PictureSource): void {
  const kind = drawableKind(source);
  if (kind === "ImageBitmap" || kind === "VideoFrame") (source as ImageBitmap | VideoFrame).close();
}
