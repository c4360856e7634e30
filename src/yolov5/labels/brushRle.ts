/**
 * Label Studio's masks: RGBA pixels along the rows, packed by runs as @thi.ng/rle-pack does. A header (32 bits: how many
 * values; 5: bits of a value, less 1; 4 × 4: widths of the run lengths, less 1), then for each run 1 bit (1: one value for
 * all; 0: a value for each), 2 bits (which width), the length less 1, the values. The last byte is filled with zeros.
 */

import { ShapeError } from "../../errors.js";
import { type BinaryMask, maskToBitmap, type Rle, rleToMask } from "../output/masks/rle.js";

/** Red, green, blue and opacity; the last one is the mask. */
const CHANNELS = 4;
const VALUE_BITS = 8;
const WIDTHS = [3, 4, 8, 16] as const;
const HEADER = [32, 5, 4, 4, 4, 4] as const;
const OPAQUE = 255;

/** @returns the bytes of a mask, at the size of its picture. */
export function packBrush(rle: Rle): number[] {
  const bits = new BitWriter();
  const pixels = maskToBitmap(rleToMask(rle));
  const header = [pixels.length * CHANNELS, VALUE_BITS - 1, ...WIDTHS.map((width) => width - 1)];
  for (const [i, value] of header.entries()) bits.write(value, HEADER[i]);
  let start = 0;
  for (let at = 1; at <= pixels.length; at++) {
    if (at < pixels.length && pixels[at] === pixels[start]) continue;
    const value = pixels[start] === 1 ? OPAQUE : 0;
    for (let left = (at - start) * CHANNELS; left > 0; ) {
      const fitting = WIDTHS.findIndex((width) => left <= 2 ** width);
      const index = fitting < 0 ? WIDTHS.length - 1 : fitting;
      const length = Math.min(left, 2 ** WIDTHS[index]);
      bits.write(1, 1);
      bits.write(index, 2);
      bits.write(length - 1, WIDTHS[index]);
      bits.write(value, VALUE_BITS);
      left -= length;
    }
    start = at;
  }
  return bits.end();
}

/**
 * @param bytes each 0 to 255.
 * @param size of the picture, in pixels.
 * @returns the pixels that are at least half opaque.
 * @throws ShapeError if the bytes are of another size, or end too early.
 */
export function unpackBrush(
  bytes: ArrayLike<number>,
  { width, height }: { readonly width: number; readonly height: number },
): BinaryMask {
  const bits = new BitReader(bytes);
  const [count, valueBits, ...widths] = HEADER.map((width) => bits.read(width));
  if (count !== width * height * CHANNELS) {
    throw new ShapeError(`rle: ${count / CHANNELS} pixels are not ${width}×${height}`, { count, width, height });
  }
  const half = 2 ** valueBits;
  // Starts and ends of stretches of set pixels, in order.
  const stretches: number[] = [];
  const set = (from: number, to: number): void => {
    if (to <= from) return;
    if (stretches.at(-1) === from) stretches[stretches.length - 1] = to;
    else stretches.push(from, to);
  };
  for (let at = 0; at < count; ) {
    const same = bits.read(1) === 1;
    const end = at + bits.read(widths[bits.read(2)] + 1) + 1;
    if (end > count)
      throw new ShapeError(`rle: the runs do not add up to ${width}×${height} pixels`, { width, height });
    for (; at < end; at = same ? end : at + 1) {
      const value = bits.read(valueBits + 1);
      // A pixel counts with its last channel.
      if (value >= half) set(at >> 2, (same ? end : at + 1) >> 2);
    }
  }
  return maskOf(stretches, width, height);
}

/** Stretches along the rows as a mask of its own rectangle. */
function maskOf(stretches: readonly number[], width: number, height: number): BinaryMask {
  let [x0, y0, x1, y1] = [width, height, 0, 0];
  for (let i = 0; i < stretches.length; i += 2) {
    const [from, last] = [stretches[i], stretches[i + 1] - 1];
    const [top, bottom] = [Math.floor(from / width), Math.floor(last / width)];
    [y0, y1] = [Math.min(y0, top), Math.max(y1, bottom + 1)];
    x0 = top < bottom ? 0 : Math.min(x0, from % width);
    x1 = top < bottom ? width : Math.max(x1, (last % width) + 1);
  }
  if (stretches.length === 0) return { width, height, x0: 0, y0: 0, x1: 0, y1: 0, data: new Uint8Array(0) };
  const row = x1 - x0;
  const data = new Uint8Array(row * (y1 - y0));
  for (let i = 0; i < stretches.length; i += 2) {
    for (let from = stretches[i]; from < stretches[i + 1]; ) {
      const y = Math.floor(from / width);
      const to = Math.min(stretches[i + 1], (y + 1) * width);
      const begin = (y - y0) * row - y * width - x0;
      data.fill(1, begin + from, begin + to);
      from = to;
    }
  }
  return { width, height, x0, y0, x1, y1, data };
}

/** The highest bit first. */
class BitWriter {
  private readonly bytes: number[] = [];
  private byte = 0;
  private used = 0;

  write(value: number, width: number): void {
    for (let bit = width - 1; bit >= 0; bit--) {
      this.byte = (this.byte << 1) | ((value >>> bit) & 1);
      if (++this.used === 8) this.flush();
    }
  }

  end(): number[] {
    while (this.used > 0) this.write(0, 1);
    return this.bytes;
  }

  private flush(): void {
    this.bytes.push(this.byte);
    [this.byte, this.used] = [0, 0];
  }
}

class BitReader {
  private at = 0;
  constructor(private readonly bytes: ArrayLike<number>) {}

  read(width: number): number {
    let value = 0;
    for (const end = this.at + width; this.at < end; this.at++) {
      const byte = this.bytes[this.at >> 3];
      if (byte === undefined) throw new ShapeError("rle: the bytes end too early", { length: this.bytes.length });
      value = value * 2 + ((byte >> (7 - (this.at & 7))) & 1);
    }
    return value;
  }
}
