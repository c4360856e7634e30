/** The decoders in WebAssembly, in a chunk of their own: the first picture that needs them loads it. */

import type { DecodeBudget } from "../limits.js";
import type { RgbImage } from "../types.js";
import { decodeBaseline } from "./baseline/decode.js";
import { type JpegHeader, samplesOf } from "./header.js";
import { decodeWithMozjpeg, mozjpegAvailable } from "./mozjpeg.js";

/** RGBA inside mozjpeg and outside, and the RGB bytes. */
const MOZJPEG_PIXEL_BYTES = 11;

/**
 * Decodes an intact JPEG as stored (not rotated).
 * @param scans how many it has.
 * @returns undefined for what neither decoder decodes as libjpeg-turbo does.
 */
export async function decodeFast(
  bytes: Uint8Array,
  header: JpegHeader,
  scans: number,
  budget: DecodeBudget,
): Promise<RgbImage | undefined> {
  const decoded = await decodeBaseline(bytes, budget);
  if (decoded) return decoded;
  const suits = suitsMozjpeg(header) && mozjpegBytes(header, scans) <= budget.maxBytes;
  return suits && (await mozjpegAvailable()) ? decodeWithMozjpeg(bytes, budget) : undefined;
}

/** With several scans, all coefficients are kept, two bytes each. */
function mozjpegBytes(header: JpegHeader, scans: number): number {
  const { width, height } = header;
  return width * height * MOZJPEG_PIXEL_BYTES + (scans > 1 ? samplesOf(header) * 2 : 0);
}

/** Mozjpeg's wrapper refuses CMYK, and mozjpeg upsamples 4:4:0 chroma less smoothly than libjpeg-turbo. */
function suitsMozjpeg({ components, sampling }: JpegHeader): boolean {
  const tallest = Math.max(...sampling.map((factors) => factors & 15));
  return components <= 3 && sampling.every((factors) => (factors & 15) === tallest || factors >> 4 < sampling[0] >> 4);
}
