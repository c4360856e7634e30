/** Any picture file to upright RGB bytes, as `cv2.imread(path, IMREAD_COLOR)` reads it. */

import { ImageError } from "../errors.js";
import { decodeAvif } from "./avif/decode.js";
import { decodeByBrowser } from "./byBrowser.js";
import { decodeBmp } from "./formats/bmp.js";
import { decodeGif } from "./formats/gif.js";
import { decodePnm } from "./formats/pnm.js";
import { decodeJpeg } from "./jpeg/decode.js";
import { type BudgetOptions, DecodeBudget } from "./limits.js";
import { decodePng } from "./png/decode.js";
import { type PictureFormat, sniff } from "./sniff.js";
import type { RgbImage } from "./types.js";
import { decodeWebp } from "./webp/decode.js";

export interface DecodeOptions extends BudgetOptions {
  /** Name of the file, for messages. */
  readonly path?: string | undefined;
}

/**
 * Decodes the bytes of a picture file; the format is told from the bytes, not from the name.
 * @returns width × height × 3 bytes R, G, B, turned upright by EXIF; alpha dropped, 16 bits cut to 8, palettes and
 * grey expanded. The bytes equal those of OpenCV 4.6 (see `test/image/decode.test.ts`).
 * @throws ImageError one line that names the file, says what it is, and what to do.
 */
export async function decodeImage(bytes: Uint8Array, options: DecodeOptions = {}): Promise<RgbImage> {
  const what = options.path ?? "picture";
  const found = sniff(bytes);
  if (found.kind === "other") {
    throw new ImageError(`${what}: is ${found.what}`, { path: options.path, bytes: bytes.length });
  }
  try {
    return await decodeAs(found.format, bytes, new DecodeBudget(what, options));
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new ImageError(`${what}: too large to decode in memory`, { path: options.path }, { cause });
  }
}

/** A chunk of its own: TIFFs are rare in browsers, whose entry stays small. */
async function decodeTiff(bytes: Uint8Array, budget: DecodeBudget): Promise<RgbImage> {
  let tiff: typeof import("./formats/tiff.js");
  try {
    tiff = await import("./formats/tiff.js");
  } catch (cause) {
    return decodeByBrowser(bytes, "tiff", budget, cause);
  }
  return tiff.decodeTiff(bytes, budget);
}

async function decodeAs(format: PictureFormat, bytes: Uint8Array, budget: DecodeBudget): Promise<RgbImage> {
  switch (format) {
    case "jpeg":
      return await decodeJpeg(bytes, budget);
    case "png":
      return decodePng(bytes, budget);
    case "webp":
      return await decodeWebp(bytes, budget);
    case "avif":
      return await decodeAvif(bytes, budget);
    case "bmp":
      return decodeBmp(bytes, budget);
    case "gif":
      return decodeGif(bytes, budget);
    case "pnm":
      return decodePnm(bytes, budget);
    case "tiff":
      return await decodeTiff(bytes, budget);
  }
}
