/** Decodes any picture file to upright RGB bytes, like `cv2.imread(path, IMREAD_COLOR)`. */

import { decodeAvif } from "./avif/decode.js";
import { decodeByBrowser } from "./byBrowser.js";
import { type DecodeOptions, type Decoder, decodeWith } from "./decodeWith.js";
import { decodeBmp } from "./formats/bmp.js";
import { decodeGif } from "./formats/gif.js";
import { decodePnm } from "./formats/pnm.js";
import { decodeJpeg } from "./jpeg/decode.js";
import { decodePng } from "./png/decode.js";
import type { PictureFormat } from "./sniff.js";
import type { RgbImage } from "./types.js";
import { decodeWebp } from "./webp/decode.js";

export type { DecodeOptions };

/** In a separate chunk to keep the browser entry small, since TIFFs are rare there. */
const decodeTiff: Decoder = async (bytes, budget) => {
  let tiff: typeof import("./formats/tiff.js");
  try {
    tiff = await import("./formats/tiff.js");
  } catch (cause) {
    return decodeByBrowser(bytes, "tiff", budget, cause);
  }
  return tiff.decodeTiff(bytes, budget);
};

const DECODERS: Readonly<Record<PictureFormat, Decoder>> = {
  jpeg: decodeJpeg,
  png: decodePng,
  webp: decodeWebp,
  avif: decodeAvif,
  bmp: decodeBmp,
  gif: decodeGif,
  pnm: decodePnm,
  tiff: decodeTiff,
};

/**
 * Decodes the bytes of a picture file. The format is detected from the bytes, not the name.
 * @returns width × height × 3 bytes R, G, B, rotated upright by EXIF; alpha dropped, 16 bits truncated to 8, palettes
 * and grey expanded. The bytes equal those of OpenCV 4.6 (see `test/image/decode.test.ts`).
 * @throws ImageError with one line: the file, what it is, and how to fix it.
 */
export function decodeImage(bytes: Uint8Array, options: DecodeOptions = {}): Promise<RgbImage> {
  return decodeWith(DECODERS, bytes, options);
}
