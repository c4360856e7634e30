/** Any picture file to upright RGB bytes, as `cv2.imread(path, IMREAD_COLOR)` reads it. */

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

/** A chunk of its own: TIFFs are rare in browsers, whose entry stays small. */
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
 * Decodes the bytes of a picture file; the format is told from the bytes, not from the name.
 * @returns width × height × 3 bytes R, G, B, turned upright by EXIF; alpha dropped, 16 bits cut to 8, palettes and
 * grey expanded. The bytes equal those of OpenCV 4.6 (see `test/image/decode.test.ts`).
 * @throws ImageError one line that names the file, says what it is, and what to do.
 */
export function decodeImage(bytes: Uint8Array, options: DecodeOptions = {}): Promise<RgbImage> {
  return decodeWith(DECODERS, bytes, options);
}
