/** Samples of unpacked TIFF chunks: undoes differencing, converts depths to 8 bits, expands YCbCr units. */

import type { ColorOf } from "./tiffColor.js";

/** How samples are stored. */
export interface Depth {
  readonly bits: number;
  /** Interleaved samples in a chunk: all of a pixel, or one if planes are stored separately. */
  readonly together: number;
  readonly little: boolean;
}

/** A chunk's rows within the picture. */
export interface ChunkRows {
  readonly rows: number;
  /** The rows are already R, G, B. */
  readonly rgb: boolean;
  /** 8-bit samples of row `y`; valid until the next call. */
  readonly row: (y: number) => Uint8Array;
}

/** Undoes horizontal differencing of a chunk's rows. */
export function addUp(chunk: Uint8Array, rowBytes: number, { bits, together, little }: Depth): void {
  const step = together * (bits >> 3);
  for (let row = 0; row + rowBytes <= chunk.length; row += rowBytes) {
    if (bits === 8) {
      for (let i = row + step; i < row + rowBytes; i++) chunk[i] += chunk[i - step];
    } else {
      const [high, low] = little ? [1, 0] : [0, 1];
      for (let i = row + step; i < row + rowBytes; i += 2) {
        const before = (chunk[i - step + high] << 8) | chunk[i - step + low];
        const sum = ((chunk[i + high] << 8) | chunk[i + low]) + before;
        chunk[i + high] = sum >> 8;
        chunk[i + low] = sum & 255;
      }
    }
  }
}

/** The samples of `columns` pixels of the row at `at`: 16 bits divided by 257 and rounded, as libtiff does. */
export function samplesOfRow(
  chunk: Uint8Array,
  at: number,
  columns: number,
  { bits, together, little }: Depth,
  line: Uint8Array,
): Uint8Array {
  const count = columns * together;
  if (bits === 8) return chunk.subarray(at, at + count);
  if (bits === 16) {
    const [high, low] = little ? [1, 0] : [0, 1];
    for (let i = 0, p = at; i < count; i++, p += 2) {
      line[i] = Math.floor((((chunk[p + high] << 8) | chunk[p + low]) + 128) / 257);
    }
    return line;
  }
  const top = (1 << bits) - 1;
  for (let i = 0, bit = 0; i < count; i++, bit += bits) {
    line[i] = (chunk[at + (bit >> 3)] >> (8 - bits - (bit & 7))) & top;
  }
  return line;
}

/** Converts YCbCr to RGB, from units of h × v luma samples with one sample of each chroma, which is repeated. */
export function unpackUnits(
  chunk: Uint8Array,
  rowBytes: number,
  rows: number,
  columns: number,
  [h, v]: readonly [number, number],
  colorOf: ColorOf,
): ChunkRows {
  const line = new Uint8Array(columns * 3);
  const unitBytes = h * v + 2;
  const row = (y: number): Uint8Array => {
    const start = Math.floor(y / v) * rowBytes;
    const within = (y % v) * h;
    for (let x = 0; x < columns; x++) {
      const unit = start + Math.floor(x / h) * unitBytes;
      colorOf(chunk[unit + within + (x % h)], chunk[unit + h * v], chunk[unit + h * v + 1], line, x * 3);
    }
    return line;
  };
  return { rows, rgb: true, row };
}
