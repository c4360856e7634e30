/**
 * RGB bytes to a baseline JPEG (JFIF, YCbCr, full chroma, which keeps coloured lines and labels crisp).
 * Source: ITU-T T.81 with its example tables (annex K), ITU-T T.871 for the colours; forward DCT after Arai, Agui and
 * Nakajima (1988).
 */

import type { RgbImage } from "../types.js";
import { NATURAL_ORDER } from "./frame.js";
import { STANDARD_AC, STANDARD_DC, type TableDefinition } from "./huffman.js";

/** Quantisation for quality 50, by rows (K.1 and K.2). */
const LUMINANCE = [
  ...[16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29],
  ...[51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121],
  ...[120, 101, 72, 92, 95, 98, 112, 100, 103, 99],
];
const CHROMINANCE = [
  ...[17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99],
  ...new Array<number>(36).fill(99),
];

/** Scale factors that the fast transform leaves in its rows and columns. */
const AAN = [1, 1.387039845, 1.306562965, 1.175875602, 1, 0.785694958, 0.5411961, 0.275899379];

/** Libjpeg's quality scale. */
function quantizationTable(base: readonly number[], quality: number): Uint8Array {
  const q = Math.max(1, Math.min(Math.round(quality), 100));
  const scale = q < 50 ? Math.floor(5000 / q) : 200 - q * 2;
  return Uint8Array.from(base, (step) => Math.max(1, Math.min(Math.floor((step * scale + 50) / 100), 255)));
}

/** Code and length of each symbol: code × 32 + length. */
function codesOf({ counts, symbols }: TableDefinition): Int32Array {
  const codes = new Int32Array(256);
  let code = 0;
  let index = 0;
  for (let length = 1; length <= 16; length++) {
    for (let i = 0; i < counts[length - 1]; i++) codes[symbols[index++]] = (code++ << 5) | length;
    code <<= 1;
  }
  return codes;
}

class BitWriter {
  private bytes = new Uint8Array(1 << 16);
  private length = 0;
  private buffer = 0;
  private count = 0;

  byte(value: number): void {
    if (this.length === this.bytes.length) {
      const larger = new Uint8Array(this.bytes.length * 2);
      larger.set(this.bytes);
      this.bytes = larger;
    }
    this.bytes[this.length++] = value;
  }

  segment(marker: number, body: readonly number[]): void {
    const length = body.length + 2;
    for (const value of [0xff, marker, length >> 8, length & 255, ...body]) this.byte(value);
  }

  /** Up to 16 bits; a byte 0xff is followed by a stuffed zero. */
  bits(value: number, count: number): void {
    this.buffer = (this.buffer << count) | value;
    this.count += count;
    while (this.count >= 8) {
      this.count -= 8;
      const byte = (this.buffer >> this.count) & 255;
      this.byte(byte);
      if (byte === 255) this.byte(0);
    }
    this.buffer &= (1 << this.count) - 1;
  }

  finish(): Uint8Array {
    if (this.count > 0) this.bits((1 << (8 - this.count)) - 1, 8 - this.count);
    this.byte(0xff);
    this.byte(0xd9);
    return this.bytes.slice(0, this.length);
  }
}

/** One pass of the transform over eight numbers `step` apart. */
function forward(data: Float32Array, at: number, step: number): void {
  const p = (i: number) => data[at + i * step];
  const [s0, d0] = [p(0) + p(7), p(0) - p(7)];
  const [s1, d1] = [p(1) + p(6), p(1) - p(6)];
  const [s2, d2] = [p(2) + p(5), p(2) - p(5)];
  const [s3, d3] = [p(3) + p(4), p(3) - p(4)];
  const e = s0 - s3;
  const z1 = (s1 - s2 + e) * Math.SQRT1_2;
  data[at] = s0 + s3 + s1 + s2;
  data[at + 4 * step] = s0 + s3 - s1 - s2;
  data[at + 2 * step] = e + z1;
  data[at + 6 * step] = e - z1;
  const a = d3 + d2;
  const b = d2 + d1;
  const c = d1 + d0;
  const z5 = (a - c) * 0.382683433;
  const z2 = 0.5411961 * a + z5;
  const z4 = 1.306562965 * c + z5;
  const z3 = b * Math.SQRT1_2;
  data[at + 5 * step] = d0 - z3 + z2;
  data[at + 3 * step] = d0 - z3 - z2;
  data[at + step] = d0 + z3 + z4;
  data[at + 7 * step] = d0 + z3 - z4;
}

/** One colour component: its tables and the last DC value. */
class ComponentEncoder {
  private readonly writer: BitWriter;
  private readonly factors: Float32Array;
  private readonly dcCodes: Int32Array;
  private readonly acCodes: Int32Array;
  private readonly levels = new Int32Array(64);
  private lastDc = 0;

  constructor(writer: BitWriter, quantization: Uint8Array, dc: TableDefinition, ac: TableDefinition) {
    this.writer = writer;
    this.factors = Float32Array.from(quantization, (step, i) => 1 / (step * AAN[i >> 3] * AAN[i & 7] * 8));
    this.dcCodes = codesOf(dc);
    this.acCodes = codesOf(ac);
  }

  /** Transforms `samples` (64, level-shifted; overwritten) and writes them. */
  block(samples: Float32Array): void {
    for (let y = 0; y < 8; y++) forward(samples, y * 8, 1);
    for (let x = 0; x < 8; x++) forward(samples, x, 8);
    const { levels, factors } = this;
    let last = 0;
    for (let k = 0; k < 64; k++) {
      const at = NATURAL_ORDER[k];
      levels[k] = Math.round(samples[at] * factors[at]);
      if (levels[k] !== 0) last = k;
    }
    this.number(levels[0] - this.lastDc, 0, this.dcCodes);
    this.lastDc = levels[0];
    let run = 0;
    for (let k = 1; k <= last; k++) {
      if (levels[k] === 0) {
        run++;
        continue;
      }
      for (; run > 15; run -= 16) this.symbol(this.acCodes[0xf0]);
      this.number(levels[k], run << 4, this.acCodes);
      run = 0;
    }
    if (last < 63) this.symbol(this.acCodes[0]);
  }

  private symbol(code: number): void {
    this.writer.bits(code >> 5, code & 31);
  }

  /** The symbol of run and size, then the value's bits. */
  private number(value: number, run: number, codes: Int32Array): void {
    const size = 32 - Math.clz32(Math.abs(value));
    this.symbol(codes[run | size]);
    if (size > 0) this.writer.bits(value > 0 ? value : value + (1 << size) - 1, size);
  }
}

function writeHeaders(writer: BitWriter, image: RgbImage, tables: readonly Uint8Array[]): void {
  const { width, height } = image;
  writer.byte(0xff);
  writer.byte(0xd8);
  writer.segment(0xe0, [0x4a, 0x46, 0x49, 0x46, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0]);
  for (const [i, table] of tables.entries()) {
    writer.segment(0xdb, [i, ...Array.from({ length: 64 }, (_, k) => table[NATURAL_ORDER[k]])]);
  }
  const size = [height >> 8, height & 255, width >> 8, width & 255];
  writer.segment(0xc0, [8, ...size, 3, 1, 0x11, 0, 2, 0x11, 1, 3, 0x11, 1]);
  for (const i of [0, 1]) {
    writer.segment(0xc4, [i, ...STANDARD_DC[i].counts, ...STANDARD_DC[i].symbols]);
    writer.segment(0xc4, [16 + i, ...STANDARD_AC[i].counts, ...STANDARD_AC[i].symbols]);
  }
  writer.segment(0xda, [3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0]);
}

/** A JPEG file of `image`; `quality` 1 to 100 on libjpeg's scale. */
export function encodeBaseline(image: RgbImage, quality: number): Uint8Array {
  const { width, height, data } = image;
  const tables = [quantizationTable(LUMINANCE, quality), quantizationTable(CHROMINANCE, quality)];
  const writer = new BitWriter();
  writeHeaders(writer, image, tables);
  const encoders = [0, 1, 1].map((i) => new ComponentEncoder(writer, tables[i], STANDARD_DC[i], STANDARD_AC[i]));
  const [luma, cb, cr] = encoders.map(() => new Float32Array(64));
  for (let top = 0; top < height; top += 8) {
    for (let left = 0; left < width; left += 8) {
      for (let i = 0; i < 64; i++) {
        // Blocks that stick out repeat the picture's last row and column.
        const y = Math.min(top + (i >> 3), height - 1);
        const x = Math.min(left + (i & 7), width - 1);
        const at = (y * width + x) * 3;
        const red = data[at];
        const green = data[at + 1];
        const blue = data[at + 2];
        luma[i] = 0.299 * red + 0.587 * green + 0.114 * blue - 128;
        cb[i] = -0.168735892 * red - 0.331264108 * green + 0.5 * blue;
        cr[i] = 0.5 * red - 0.418687589 * green - 0.081312411 * blue;
      }
      encoders[0].block(luma);
      encoders[1].block(cb);
      encoders[2].block(cr);
    }
  }
  return writer.finish();
}
