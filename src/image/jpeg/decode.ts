/** JPEG to upright RGB bytes, as `cv2.imread(IMREAD_COLOR)` gives them. */

import { ImageError } from "../../errors.js";
import { checkPictureSize } from "../limits.js";
import { applyOrientation } from "../orient.js";
import type { RgbImage } from "../types.js";
import { JpegDamage } from "./frame.js";
import { type JpegHeader, readJpegHeader } from "./header.js";
import { decodeWithMozjpeg, mozjpegAvailable } from "./mozjpeg.js";
import { decodePlain } from "./plainDecoder.js";

/**
 * Decodes a JPEG and turns it upright by its EXIF orientation.
 * @param what begins messages, e.g. `bus.jpg`.
 * @throws ImageError for damaged files and for processes that libjpeg-turbo does not decode.
 */
export async function decodeJpeg(bytes: Uint8Array, what: string, maxPixels: number): Promise<RgbImage> {
  const header = readJpegHeader(bytes);
  if (!header) throw new ImageError(`${what}: damaged JPEG: it has no frame header (truncated?)`, {});
  checkPictureSize(what, header.width, header.height, maxPixels);
  checkWork(what, header, bytes);
  const fast = suitsMozjpeg(header) && (await mozjpegAvailable()) ? await decodeWithMozjpeg(bytes) : undefined;
  return applyOrientation(fast ?? decodeSlowly(bytes, what), header.orientation);
}

/** No complete JPEG has more pixels a byte than 1024; cut-off ones may, up to this, when they are large. */
const MAX_PIXELS_PER_BYTE = 4096;
const ALWAYS_ALLOWED_PIXELS = 2 ** 24;
/** Encoders write about ten scans; each costs a pass over the picture. */
const MAX_SCANS = 100;

/** Refuses small files that claim work without end: huge empty pictures, thousands of scans. */
function checkWork(what: string, { width, height }: JpegHeader, bytes: Uint8Array): void {
  const pixels = width * height;
  if (pixels > ALWAYS_ALLOWED_PIXELS && pixels > bytes.length * MAX_PIXELS_PER_BYTE) {
    const message = `${what}: damaged JPEG: ${bytes.length} bytes cannot hold its ${width}×${height} pixels`;
    throw new ImageError(message, { width, height, bytes: bytes.length });
  }
  let scans = 0;
  for (let at = bytes.indexOf(0xff); at >= 0; at = bytes.indexOf(0xff, at + 1)) if (bytes[at + 1] === 0xda) scans++;
  if (scans > MAX_SCANS && scans * pixels > ALWAYS_ALLOWED_PIXELS * MAX_SCANS) {
    throw new ImageError(`${what}: damaged JPEG: ${scans} scans of ${pixels} pixels are no picture`, { scans, pixels });
  }
}

/** Mozjpeg's wrapper refuses CMYK, and mozjpeg spreads 4:4:0 chroma more simply than libjpeg-turbo. */
function suitsMozjpeg({ components, sampling }: JpegHeader): boolean {
  const tallest = Math.max(...sampling.map((factors) => factors & 15));
  return components <= 3 && sampling.every((factors) => (factors & 15) === tallest || factors >> 4 < sampling[0] >> 4);
}

function decodeSlowly(bytes: Uint8Array, what: string): RgbImage {
  try {
    return decodePlain(bytes);
  } catch (cause) {
    if (cause instanceof JpegDamage) throw new ImageError(`${what}: damaged JPEG: ${cause.message}`, {}, { cause });
    if (cause instanceof RangeError) throw new ImageError(`${what}: too large to decode in memory`, {}, { cause });
    throw cause;
  }
}
