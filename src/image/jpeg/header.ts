/** The markers before a JPEG's first scan: size, components, EXIF orientation. Source: ITU-T T.81, annex B. */

import { exifOrientation } from "../exif.js";

export interface JpegHeader {
  readonly width: number;
  readonly height: number;
  /** 1 grey, 3 YCbCr or RGB, 4 CMYK or YCCK. */
  readonly components: number;
  /** Type of the start-of-frame marker: 0 baseline, 1 extended, 2 progressive, 9 and 10 arithmetic, 3 lossless … */
  readonly process: number;
  /** Bits per sample, 8 in nearly every file. */
  readonly precision: number;
  /** Horizontal × 16 + vertical sampling factor of each component. */
  readonly sampling: Uint8Array;
  readonly orientation: number | undefined;
}

/**
 * Reads up to the first scan; undefined if there is no frame header before it. Junk between markers is skipped as in
 * libjpeg. EXIF is searched in every APP1 segment; the first usable orientation counts (as in `cv2.imread`).
 */
export function readJpegHeader(bytes: Uint8Array): JpegHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let orientation: number | undefined;
  let frame: Omit<JpegHeader, "orientation"> | undefined;
  let at = 2;
  while (at + 4 <= bytes.length) {
    if (bytes[at] !== 0xff) {
      at++;
      continue;
    }
    const marker = bytes[at + 1];
    if (marker === 0xff) {
      at++;
      continue;
    }
    at += 2;
    // Stuffed zero, TEM and restart markers carry nothing.
    if (marker === 0 || marker === 1 || (marker >= 0xd0 && marker <= 0xd8)) continue;
    if (marker === 0xd9 || marker === 0xda) break;
    if (at + 2 > bytes.length) break;
    const length = view.getUint16(at);
    const end = at + length;
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (isFrame && length >= 8 && at + 8 <= bytes.length) {
      frame ??= {
        process: marker - 0xc0,
        precision: bytes[at + 2],
        height: view.getUint16(at + 3),
        width: view.getUint16(at + 5),
        components: bytes[at + 7],
        sampling: Uint8Array.from({ length: bytes[at + 7] }, (_, i) => bytes[at + 9 + i * 3] ?? 0),
      };
    } else if (marker === 0xe1 && length > 8 && end <= bytes.length) {
      orientation ??= exifOrientation(bytes.subarray(at + 8, end));
    }
    at = end;
  }
  return frame && { ...frame, orientation };
}

/** Samples of all components, chroma by its sampling. */
export function samplesOf({ width, height, sampling }: JpegHeader): number {
  const most = (part: (factors: number) => number): number => Math.max(1, ...Array.from(sampling, part));
  const full = most((factors) => factors >> 4) * most((factors) => factors & 15);
  return sampling.reduce((sum, factors) => sum + ((factors >> 4) * (factors & 15)) / full, 0) * width * height;
}

/** How many scans there are, and how many passes over all components they make together. */
export function scansOf(bytes: Uint8Array, { components }: JpegHeader): { scans: number; passes: number } {
  let scans = 0;
  let passes = 0;
  for (let at = bytes.indexOf(0xff); at >= 0; at = bytes.indexOf(0xff, at + 1)) {
    if (bytes[at + 1] !== 0xda) continue;
    scans++;
    passes += Math.min(bytes[at + 4] || 1, components) / components;
  }
  return { scans, passes };
}
