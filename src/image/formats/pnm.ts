/** Netpbm pictures P1 to P6 (PBM, PGM, PPM), text and binary, 8 and 16 bits. Source: the netpbm format pages. */

import { ImageError } from "../../errors.js";
import type { DecodeBudget } from "../limits.js";
import type { RgbImage } from "../types.js";
import { greyToRgb } from "./grey.js";

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
export function decodePnm(bytes: Uint8Array, budget: DecodeBudget): RgbImage {
  const { what } = budget;
  const kind = bytes[1] - 48;
  const text = kind <= 3;
  const bitmap = kind === 1 || kind === 4;
  const channels = kind === 3 || kind === 6 ? 3 : 1;
  const reader = new NumberReader(bytes, what);
  const width = reader.next();
  const height = reader.next();
  const top = bitmap ? 1 : reader.next();
  budget.size(width, height);
  if (top < 1 || top > 65535) refuse(what, `its largest value is ${top}; 1 to 65535 is allowed`);
  const wide = top > 255;
  const samples = width * height * channels;
  const start = reader.position + 1;
  const needed = text ? samples : bitmap ? Math.ceil(width / 8) * height : samples * (wide ? 2 : 1);
  if (start + needed > bytes.length + (text ? 1 : 0)) refuse(what, "it ends early (truncated?)");

  budget.memory(samples + (channels === 3 ? 0 : samples * 3));
  const levels = new Uint8Array(samples);
  if (text) {
    for (let i = 0; i < samples; i++) {
      const value = reader.next(bitmap ? 1 : 10);
      // In bitmaps 1 means black; text samples are scaled, as in OpenCV.
      levels[i] = bitmap ? (value ? 0 : 255) : Math.floor((Math.min(value, top) * 255) / top);
    }
  } else if (bitmap) {
    const rowBytes = Math.ceil(width / 8);
    for (let y = 0, to = 0; y < height; y++) {
      const row = start + y * rowBytes;
      for (let x = 0; x < width; x++) levels[to++] = (bytes[row + (x >> 3)] >> (7 - (x & 7))) & 1 ? 0 : 255;
    }
  } else if (wide) {
    // 16-bit values lose their lower byte.
    for (let i = 0; i < samples; i++) levels[i] = bytes[start + i * 2];
  } else {
    levels.set(bytes.subarray(start, start + samples));
  }
  if (channels === 3) return { width, height, data: levels };
  return { width, height, data: greyToRgb(levels) };
}
