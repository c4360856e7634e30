/** What `model.detect` accepts in a page or worker: files, URLs, pixels, and anything drawable. */

import { nameOfAddress } from "../api/address.js";
import type { PictureSource } from "../api/sources.js";
import { ImageError } from "../errors.js";
import type { RgbImage } from "../image/index.js";
import { throwIfAborted } from "../yolov5/calls/abort.js";
import { addressIn } from "../yolov5/input/given.js";
import {
  type DecodePictureOptions,
  decodePicture,
  type Picture,
  rawToRgb,
  readPicture,
} from "../yolov5/input/pictures.js";
import { fetchBytes } from "./download.js";
import { type Drawable, drawableSize, unreadable } from "./drawable.js";

/**
 * @param inPlace keep drawable sources in graphics memory if this browser can; the picture must then be closed.
 * @throws ImageError, DownloadError with the source; the reason of `signal`.
 */
export async function readPictureSource(
  source: PictureSource,
  inPlace: boolean,
  options: DecodePictureOptions,
): Promise<Picture> {
  const { signal } = options;
  throwIfAborted(signal);
  const address = addressIn(source);
  if (address !== undefined) {
    const bytes = await fetchBytes(address, { signal });
    await options.begin?.();
    return decodePicture(bytes, nameOfAddress(address), options);
  }
  const picture = await readPicture(source, options);
  if (picture) return picture;
  const drawable = source as Drawable;
  const [width, height] = drawableSize(source);
  const shown = inPlace ? await snapshot(drawable, width, height) : undefined;
  if (!shown) return { image: rawToRgb(drawnPixels(drawable, width, height)) };
  return { image: new DrawnImage(shown, width, height), close: () => shown.close() };
}

/** A picture in graphics memory, whose bytes are read only on demand. */
class DrawnImage implements RgbImage {
  private bytes: Uint8Array | undefined;

  constructor(
    readonly drawable: VideoFrame | ImageBitmap,
    readonly width: number,
    readonly height: number,
  ) {}

  get data(): Uint8Array {
    this.bytes ??= rawToRgb(drawnPixels(this.drawable, this.width, this.height)).data;
    return this.bytes;
  }
}

/**
 * What the source currently shows, without reading its pixels. Undefined if this browser cannot do that, and for
 * pictures that need a canvas to look as `detect` sees them: elements with an orientation, rotated or stretched
 * frames.
 */
async function snapshot(
  source: Drawable,
  width: number,
  height: number,
): Promise<VideoFrame | ImageBitmap | undefined> {
  if ("naturalWidth" in source) return undefined;
  try {
    if (!("videoWidth" in source || "displayWidth" in source)) return await createImageBitmap(source);
    const frame = "displayWidth" in source ? source.clone() : new VideoFrame(source);
    const { visibleRect, format } = frame;
    const { rotation = 0, flip = false } = frame as VideoFrame & {
      readonly rotation?: number;
      readonly flip?: boolean;
    };
    const plain = visibleRect?.width === width && visibleRect.height === height && rotation === 0 && !flip;
    // Chromium only imports frames with video pixel formats into WebGPU.
    if (plain && !/^(RGB|BGR)/.test(format ?? "")) return frame;
    try {
      return plain ? await createImageBitmap(frame) : undefined;
    } finally {
      frame.close();
    }
  } catch {
    // For example a source from another site: reading it throws the error that says so.
    return undefined;
  }
}

/** Reads the pixels through a 2-D canvas, at the source's own size. */
function drawnPixels(source: Drawable, width: number, height: number): ImageData {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
  if (!context) throw new ImageError("this browser has no 2-D canvas to read pixels with");
  try {
    context.drawImage(source, 0, 0, width, height);
    return context.getImageData(0, 0, width, height);
  } catch (error) {
    throw unreadable(error);
  }
}
