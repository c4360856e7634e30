/** Pictures on their way to a worker: elements become bitmaps, pixels are transferred, what the caller keeps is copied. */

import type { DrawableSource, PictureSource } from "../../api/sources.js";
import { ImageError } from "../../errors.js";

export interface Sendable {
  readonly value: PictureSource;
  /** To be given away with the message. */
  readonly given: Transferable[];
}

/** A global class of this browser, which may lack some. */
function isA<T>(value: unknown, kind: (new (...args: never[]) => T) | undefined): value is T {
  return kind !== undefined && value instanceof kind;
}

/** @throws ImageError when an element has no pixels yet, or none that this page may read. */
export async function toSend(source: PictureSource, transfer: boolean): Promise<Sendable> {
  if (typeof source === "string" || source instanceof URL) {
    const base = globalThis.document?.baseURI ?? globalThis.location?.href;
    return { value: new URL(source, base).href, given: [] };
  }
  if (isA(source, globalThis.Blob)) return { value: source, given: [] };
  if (source instanceof ArrayBuffer) return { value: source, given: transfer ? [source] : [] };
  if (isA(source, globalThis.ImageData) || "data" in source || ArrayBuffer.isView(source)) {
    const { buffer } = "data" in source ? source.data : source;
    return { value: source, given: transfer && buffer instanceof ArrayBuffer ? [buffer] : [] };
  }
  if (isA(source, globalThis.VideoFrame)) {
    // A clone shares the pixels.
    const frame = transfer ? source : source.clone();
    return { value: frame, given: [frame] };
  }
  if (isA(source, globalThis.ImageBitmap) && transfer) return { value: source, given: [source] };
  const bitmap = await capture(source);
  return { value: bitmap, given: [bitmap] };
}

async function capture(source: DrawableSource): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(source as ImageBitmapSource);
  } catch (error) {
    const crossOrigin = error instanceof DOMException && error.name === "SecurityError";
    throw new ImageError(
      crossOrigin
        ? "the picture comes from another site that sends no CORS header, so its pixels cannot be read; set crossorigin on the element or fetch it yourself"
        : "the picture or video has no pixels yet; wait for its load or loadeddata event",
      {},
      { cause: error },
    );
  }
}

/** Frees pixels that were given away but not sent. */
export function closeGiven(source: PictureSource, transfer: boolean | undefined): void {
  if (transfer) closeAll([source]);
}

/** Frees what holds graphics memory among things that were to be given away. */
export function closeAll(given: readonly unknown[]): void {
  for (const item of given) {
    if (isA(item, globalThis.ImageBitmap) || isA(item, globalThis.VideoFrame)) item.close();
  }
}
