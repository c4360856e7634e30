/**
 * Prepares pictures for a worker: elements become bitmaps, pixels are transferred, and data that the caller keeps is
 * copied.
 */

import type { PictureSource } from "../../api/sources.js";
import { addressIn, bytesIn, isBlob, tagOf } from "../../yolov5/input/given.js";
import { isRawPicture, pixelsOf } from "../../yolov5/input/pictures.js";
import { absoluteAddress } from "../download.js";
import { closePixels, drawableKind, drawableSize, unreadable } from "../drawable.js";

export interface Sendable {
  readonly value: PictureSource;
  /** Objects to transfer with the message. */
  readonly given: Transferable[];
}

/**
 * @param transfer transfer the caller's data instead of copying it.
 * @throws ImageError for anything but a picture, or if an element has no pixels yet, or none that this page may read.
 */
export async function toSend(source: PictureSource, transfer: boolean): Promise<Sendable> {
  const address = addressIn(source);
  if (address !== undefined) return { value: absoluteAddress(address), given: [] };
  if (isBlob(source)) return { value: source as Blob, given: [] };
  const bytes = bytesIn(source);
  if (bytes) {
    const value = toGive(bytes, transfer);
    return { value, given: ownBuffer(value) };
  }
  if (isRawPicture(source)) {
    const { width, height, channels, frame, time } = source;
    const data = toGive(pixelsOf(source), transfer);
    return { value: { data, width, height, channels, frame, time }, given: ownBuffer(data) };
  }
  drawableSize(source);
  const kind = drawableKind(source);
  if (kind === "VideoFrame") {
    // A clone shares the pixels.
    const frame = transfer ? (source as VideoFrame) : (source as VideoFrame).clone();
    return { value: frame, given: [frame] };
  }
  if (kind === "ImageBitmap" && transfer) return { value: source, given: [source as ImageBitmap] };
  const bitmap = await capture(source as ImageBitmapSource);
  return { value: bitmap, given: [bitmap] };
}

/** The current bytes: without `transfer` they are copied, since the caller may reuse the memory. */
function toGive<T extends Uint8Array | Uint8ClampedArray>(bytes: T, transfer: boolean): T | Uint8Array<ArrayBuffer> {
  return transfer ? bytes : new Uint8Array(bytes);
}

/** Shared memory cannot be transferred. */
function ownBuffer({ buffer }: Uint8Array | Uint8ClampedArray): Transferable[] {
  return tagOf(buffer) === "ArrayBuffer" ? [buffer as ArrayBuffer] : [];
}

async function capture(source: ImageBitmapSource): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(source);
  } catch (error) {
    throw unreadable(error);
  }
}

/** Frees pixels that were to be transferred but not sent. */
export function closeGiven(source: PictureSource, transfer: boolean | undefined): void {
  if (transfer) closePixels(source);
}
