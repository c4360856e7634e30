/** Netpbm pictures P1 to P6 (PBM, PGM, PPM), text and binary, 8 and 16 bits. Source: the netpbm format pages. */

import { ImageError } from "../../errors.js";
import { checkPictureSize } from "../limits.js";
import type { RgbImage } from "../types.js";

function refuse(what: string, why: string): never {
  throw new ImageError(`${what}: damaged PNM: ${why}`, { reason: why });
}

/** Reads numbers from the header and from text pixels; `#` begins a comment. */
class NumberReader {
  position = 2;
  private readonly bytes: Uint8Array;
  private readonly what: string;

  constructor(bytes: Uint8Array, what: string) {
    this.bytes = bytes;
    this.what = what;
  }

  /** @param digits at most this many digits: text bitmaps may leave out the space between pixels. */
  next(digits = 10): number {
    const { bytes } = this;
    for (; ; this.position++) {
      const byte = bytes[this.position];
      if (byte === 0x23) {
        while (this.position < bytes.length && bytes[this.position] !== 10 && bytes[this.position] !== 13)
          this.position++;
      } else if (byte === undefined || byte > 32) break;
    }
    let value = 0;
    let read = 0;
    for (; read < digits; read++, this.position++) {
      const digit = (bytes[this.position] ?? 0) - 48;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    if (read === 0) refuse(this.what, `a number is missing at byte ${this.position} (truncated?)`);
    return value;
  }
}

/** @throws ImageError for damaged and truncated files. */
export function decodePnm(bytes: Uint8Array, what: string, maxPixels: number): RgbImage {
  const kind = bytes[1] - 48;
  const text = kind <= 3;
  const bitmap = kind === 1 || kind === 4;
  const channels = kind === 3 || kind === 6 ? 3 : 1;
  const reader = new NumberReader(bytes, what);
  const width = reader.next();
  const height = reader.next();
  const top = bitmap ? 1 : reader.next();
  checkPictureSize(what, width, height, maxPixels);
  if (top < 1 || top > 65535) refuse(what, `its largest value is ${top}; 1 to 65535 is allowed`);
  const wide = top > 255;
  const samples = width * height * channels;
  const start = reader.position + 1;
  const needed = text ? samples : bitmap ? Math.ceil(width / 8) * height : samples * (wide ? 2 : 1);
  if (start + needed > bytes.length + (text ? 1 : 0)) refuse(what, "it ends early (truncated?)");

  const levels = new Uint8Array(width * height * channels);
  for (let i = 0; i < samples; i++) {
    let value: number;
    if (text) {
      value = reader.next(bitmap ? 1 : 10);
    } else if (bitmap) {
      const [x, y] = [i % width, Math.floor(i / width)];
      value = (bytes[start + y * Math.ceil(width / 8) + (x >> 3)] >> (7 - (x & 7))) & 1;
    } else {
      value = wide ? (bytes[start + i * 2] << 8) | bytes[start + i * 2 + 1] : bytes[start + i];
    }
    // Bitmaps say ink; 16-bit values lose their lower byte; text is stretched, as OpenCV does.
    if (bitmap) levels[i] = value ? 0 : 255;
    else if (wide) levels[i] = text ? Math.floor((Math.min(value, top) * 255) / top) : value >> 8;
    else levels[i] = text ? Math.floor((Math.min(value, top) * 255) / top) : value;
  }
  if (channels === 3) return { width, height, data: levels };
  const data = new Uint8Array(samples * 3);
  for (let i = 0; i < samples; i++) data.fill(levels[i], i * 3, i * 3 + 3);
  return { width, height, data };
}
