/** Any picture file to upright RGB bytes, as `cv2.imread(path, IMREAD_COLOR)` reads it. */

import { ImageError } from "../errors.js";
import { decodeAvif } from "./avif/decode.js";
import { decodeBmp } from "./formats/bmp.js";
import { decodeGif } from "./formats/gif.js";
import { decodePnm } from "./formats/pnm.js";
import { decodeTiff } from "./formats/tiff.js";
import { decodeJpeg } from "./jpeg/decode.js";
import { DEFAULT_MAX_PIXELS } from "./limits.js";
import { decodePng } from "./png/decode.js";
import { sniff } from "./sniff.js";
import type { RgbImage } from "./types.js";
import { decodeWebp } from "./webp/decode.js";

export interface DecodeOptions {
  /** Name of the file, for messages. */
  readonly path?: string;
  /** Largest number of pixels that is accepted; default 2^28. */
  readonly maxPixels?: number;
}

/**
 * Decodes the bytes of a picture file; the format is told from the bytes, not from the name.
 * @returns width × height × 3 bytes R, G, B, turned upright by EXIF; alpha dropped, 16 bits cut to 8, palettes and
 * grey expanded. The bytes equal those of OpenCV 4.6 (see `test/image/decode.test.ts`).
 * @throws ImageError one line that names the file, says what it is, and what to do.
 */
export async function decodeImage(bytes: Uint8Array, options: DecodeOptions = {}): Promise<RgbImage> {
  const what = options.path ?? "picture";
  const maxPixels = options.maxPixels ?? DEFAULT_MAX_PIXELS;
  const found = sniff(bytes);
  if (found.kind === "other") {
    throw new ImageError(`${what}: is ${found.what}`, { path: options.path, bytes: bytes.length });
  }
  switch (found.format) {
    case "jpeg":
      return await decodeJpeg(bytes, what, maxPixels);
    case "png":
      return decodePng(bytes, what, maxPixels);
    case "webp":
      return await decodeWebp(bytes, what, maxPixels);
    case "avif":
      return await decodeAvif(bytes, what, maxPixels);
    case "bmp":
      return decodeBmp(bytes, what, maxPixels);
    case "gif":
      return decodeGif(bytes, what, maxPixels);
    case "pnm":
      return decodePnm(bytes, what, maxPixels);
    case "tiff":
      return decodeTiff(bytes, what, maxPixels);
  }
}
