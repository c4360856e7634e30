/** What `model.detect` accepts in a page or worker: files, URLs, pixels, and everything that can be drawn. */

import { ImageError } from "../errors.js";
import { decodeImage } from "../image/index.js";
import { type Picture, type RawPicture, rawToRgb, readPicture } from "../yolov5/pictures.js";
import { fetchBytes } from "./download.js";

/** Elements and frames whose pixels a canvas can read. */
export type DrawableSource =
  | ImageBitmap
  | HTMLCanvasElement
  | OffscreenCanvas
  | HTMLImageElement
  | HTMLVideoElement
  | VideoFrame;

export type PictureSource = string | URL | Blob | ArrayBuffer | Uint8Array | RawPicture | ImageData | DrawableSource;

/** @throws ImageError, DownloadError naming the source. */
export async function readPictureSource(source: PictureSource): Promise<Picture> {
  if (typeof source === "string" || source instanceof URL) {
    const url = String(source);
    return { image: await decodeImage(await fetchBytes(url), { path: url }), source: url };
  }
  const picture = await readPicture(source);
  if (picture) return picture;
  return { image: rawToRgb(await drawnPixels(source as DrawableSource)) };
}

function sizeOf(source: DrawableSource): readonly [number, number] {
  if ("videoWidth" in source) return [source.videoWidth, source.videoHeight];
  if ("naturalWidth" in source) return [source.naturalWidth, source.naturalHeight];
  if ("displayWidth" in source) return [source.displayWidth, source.displayHeight];
  return [source.width, source.height];
}

/** The pixels as a 2-D canvas reads them, at the source's own size. */
async function drawnPixels(source: DrawableSource): Promise<ImageData> {
  const [width, height] = sizeOf(source);
  if (!(width > 0 && height > 0)) {
    throw new ImageError("the picture or video has no pixels yet; wait for its load or loadeddata event", {
      width,
      height,
    });
  }
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
  if (!context) throw new ImageError("this browser gives no 2-D canvas to read pixels with");
  context.drawImage(source, 0, 0, width, height);
  try {
    return context.getImageData(0, 0, width, height);
  } catch (error) {
    throw new ImageError(
      "the picture comes from another site that sends no CORS header, so its pixels cannot be read; set crossorigin on the element or fetch it yourself",
      {},
      { cause: error },
    );
  }
}
