/** What `model.detect` accepts in a page or worker: files, URLs, pixels, and everything that can be drawn. */

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
 * @param inPlace leave what is drawn in graphics memory where this browser can; the picture must then be closed
 * @throws ImageError, DownloadError naming the source; the reason of `signal`.
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

/** A picture in graphics memory, whose bytes are read only where something asks for them. */
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
 * What the source shows now, without reading its pixels; undefined where this browser cannot, and for pictures that only a
 * canvas brings into the form that `detect` sees: elements with an orientation of their own, frames turned or stretched.
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
    // Chromium gives WebGPU frames of video formats only.
    if (plain && !/^(RGB|BGR)/.test(format ?? "")) return frame;
    try {
      return plain ? await createImageBitmap(frame) : undefined;
    } finally {
      frame.close();
    }
  } catch {
    // Among others a source from another site: reading it gives the error that says so.
    return undefined;
  }
}

/** The pixels as a 2-D canvas reads them, at the source's own size. */
function drawnPixels(source: Drawable, width: number, height: number): ImageData {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
  if (!context) throw new ImageError("this browser gives no 2-D canvas to read pixels with");
  try {
    context.drawImage(source, 0, 0, width, height);
    return context.getImageData(0, 0, width, height);
  } catch (error) {
    throw unreadable(error);
  }
}
