/** Decodes JPEG to upright RGB bytes, like `cv2.imread(IMREAD_COLOR)`. */

import { ImageError } from "../../errors.js";
import type { DecodeBudget } from "../limits.js";
import { applyOrientation } from "../orient.js";
import type { RgbImage } from "../types.js";
import { JpegDamage } from "./frame.js";
import { type JpegHeader, readJpegHeader, samplesOf, scansOf } from "./header.js";
import { decodePlain } from "./plainDecoder.js";

/**
 * Decodes a JPEG and rotates it upright by its EXIF orientation.
 * @param what begins messages, e.g. `bus.jpg`.
 * @throws ImageError for damaged files and for processes that libjpeg-turbo does not decode.
 */
export async function decodeJpeg(bytes: Uint8Array, budget: DecodeBudget): Promise<RgbImage> {
  const { what } = budget;
  const header = readJpegHeader(bytes);
  if (!header) throw new ImageError(`${what}: damaged JPEG: it has no frame header (truncated?)`, {});
  budget.size(header.width, header.height);
  const scans = checkWork(header, bytes, budget);
  // Without their chunk, as without WebAssembly, all files are for the plain decoder.
  const fast = await import("./fast.js").catch(() => undefined);
  const decoded = (await fast?.decodeFast(bytes, header, scans, budget)) ?? decodeSlowly(bytes, budget);
  return applyOrientation(decoded, header.orientation);
}

/** No complete JPEG has more than 1024 pixels per byte; large truncated ones may have up to this many. */
const MAX_PIXELS_PER_BYTE = 4096;
const ALWAYS_ALLOWED_PIXELS = 2 ** 24;

/**
 * Refuses small files that cause endless work: huge empty pictures, thousands of scans (encoders write about ten).
 * @returns the number of scans.
 */
function checkWork(header: JpegHeader, bytes: Uint8Array, budget: DecodeBudget): number {
  const { what } = budget;
  const { width, height } = header;
  const pixels = width * height;
  if (pixels > ALWAYS_ALLOWED_PIXELS && pixels > bytes.length * MAX_PIXELS_PER_BYTE) {
    const message = `${what}: damaged JPEG: ${bytes.length} bytes cannot hold its ${width}×${height} pixels`;
    throw new ImageError(message, { width, height, bytes: bytes.length });
  }
  const { scans, passes } = scansOf(bytes, header);
  budget.work(passes * samplesOf(header), `a JPEG of ${scans} scans over ${pixels} pixels`);
  return scans;
}

function decodeSlowly(bytes: Uint8Array, budget: DecodeBudget): RgbImage {
  try {
    return decodePlain(bytes, budget);
  } catch (cause) {
    if (!(cause instanceof JpegDamage)) throw cause;
    throw new ImageError(`${budget.what}: damaged JPEG: ${cause.message}`, {}, { cause });
  }
}
