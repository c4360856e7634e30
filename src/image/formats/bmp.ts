/**
 * Windows bitmaps: 1, 4, 8, 16, 24 and 32 bits, palettes, bit fields, run lengths, either row order. Alpha is dropped,
 * as `cv2.imread` does. Source: BITMAPFILEHEADER, BITMAPINFOHEADER and its successors (Windows GDI).
 */

import { ImageError } from "../../errors.js";
import type { DecodeBudget } from "../limits.js";
import type { RgbImage } from "../types.js";

const [RGB, RLE8, RLE4, BITFIELDS, ALPHA_BITFIELDS] = [0, 1, 2, 3, 6];

interface Header {
  readonly width: number;
  readonly height: number;
  readonly topDown: boolean;
  readonly bits: number;
  readonly compression: number;
  readonly pixels: number;
  /** RGB triples, converted from file order to R, G, B. */
  readonly palette: Uint8Array;
  readonly masks: readonly [red: number, green: number, blue: number];
}

function refuse(what: string, why: string): never {
  throw new ImageError(`${what}: damaged BMP: ${why}`, { reason: why });
}

function readHeader(bytes: Uint8Array, budget: DecodeBudget): Header {
  const { what } = budget;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = bytes.length >= 18 ? view.getUint32(14, true) : 0;
  if (size !== 12 && size < 40) refuse(what, `its header has an unknown size, ${size}`);
  if (bytes.length < 14 + size) refuse(what, "it ends within its header (truncated?)");
  const old = size === 12;
  const width = old ? view.getUint16(18, true) : view.getInt32(18, true);
  const signedHeight = old ? view.getUint16(20, true) : view.getInt32(22, true);
  const bits = view.getUint16(old ? 24 : 28, true);
  const compression = old ? RGB : view.getUint32(30, true);
  const used = old ? 0 : view.getUint32(46, true);
  budget.size(width, Math.abs(signedHeight));

  const entry = old ? 3 : 4;
  const hasMasks = compression === BITFIELDS || compression === ALPHA_BITFIELDS;
  const afterHeader = 14 + size + (hasMasks && size === 40 ? (compression === BITFIELDS ? 12 : 16) : 0);
  const entries = bits <= 8 ? Math.min(used || 1 << bits, 256) : 0;
  if (afterHeader + entries * entry > bytes.length) refuse(what, "it ends within its palette (truncated?)");
  const palette = new Uint8Array(256 * 3);
  for (let i = 0; i < entries; i++) {
    const at = afterHeader + i * entry;
    palette.set([bytes[at + 2], bytes[at + 1], bytes[at]], i * 3);
  }
  let masks: Header["masks"] = bits === 16 ? [0x7c00, 0x3e0, 0x1f] : [0xff0000, 0xff00, 0xff];
  if (hasMasks && 14 + 52 <= bytes.length) {
    masks = [view.getUint32(54, true), view.getUint32(58, true), view.getUint32(62, true)];
  }
  return {
    width,
    height: Math.abs(signedHeight),
    topDown: signedHeight < 0,
    bits,
    compression,
    pixels: view.getUint32(10, true),
    palette,
    masks,
  };
}

/** Spreads a channel of any width over 0…255. */
function channel(mask: number): (pixel: number) => number {
  const shift = mask === 0 ? 0 : 31 - Math.clz32(mask & -mask);
  const top = mask >>> shift;
  if (top === 0) return () => 0;
  if (top === 255) return (pixel) => (pixel & mask) >>> shift;
  // 5 and 6 bits are shifted up, not scaled, as in OpenCV.
  const up = Math.max(0, Math.clz32(top) - 24);
  return (pixel) => (((pixel & mask) >>> shift) << up) & 255;
}

/** Palette indices of a run-length coded picture, bottom row first. */
function unpackRuns(bytes: Uint8Array, header: Header, what: string): Uint8Array {
  const { width, height, compression } = header;
  const out = new Uint8Array(width * height);
  const nibbles = compression === RLE4;
  let x = 0;
  let y = 0;
  const put = (index: number) => {
    if (x < width && y < height) out[y * width + x] = index;
    x++;
  };
  for (let at = header.pixels; y < height; ) {
    if (at + 2 > bytes.length) refuse(what, "its runs end early (truncated?)");
    const count = bytes[at];
    const value = bytes[at + 1];
    at += 2;
    if (count > 0) {
      for (let i = 0; i < count; i++) put(nibbles ? (i & 1 ? value & 15 : value >> 4) : value);
    } else if (value === 0) {
      x = 0;
      y++;
    } else if (value === 1) {
      break;
    } else if (value === 2) {
      if (at + 2 > bytes.length) refuse(what, "its runs end early (truncated?)");
      x += bytes[at];
      y += bytes[at + 1];
      at += 2;
    } else {
      const length = nibbles ? (value + 1) >> 1 : value;
      if (at + length > bytes.length) refuse(what, "its runs end early (truncated?)");
      for (let i = 0; i < value; i++) {
        const byte = bytes[at + (nibbles ? i >> 1 : i)];
        put(nibbles ? (i & 1 ? byte & 15 : byte >> 4) : byte);
      }
      at += length + (length & 1);
    }
  }
  return out;
}

/** @throws ImageError for damaged files and for the JPEG and PNG that a BMP may wrap. */
export function decodeBmp(bytes: Uint8Array, budget: DecodeBudget): RgbImage {
  const { what } = budget;
  const header = readHeader(bytes, budget);
  const { width, height, bits, compression, palette } = header;
  const runs = compression === RLE8 ? 8 : compression === RLE4 ? 4 : 0;
  const known =
    [1, 4, 8, 16, 24, 32].includes(bits) && [RGB, RLE8, RLE4, BITFIELDS, ALPHA_BITFIELDS].includes(compression);
  if (!known || (runs > 0 && bits !== runs))
    refuse(what, `unsupported pixels: ${bits} bits, compression ${compression}`);
  const stride = runs > 0 ? width : Math.ceil((width * bits) / 32) * 4;
  budget.memory(width * height * (runs > 0 ? 4 : 3));
  if (runs === 0 && header.pixels + stride * height > bytes.length) refuse(what, "it ends early (truncated?)");
  const source = runs > 0 ? unpackRuns(bytes, header, what) : bytes.subarray(header.pixels);
  const depth = runs > 0 ? 8 : bits;
  const [red, green, blue] = header.masks.map(channel);
  const data = new Uint8Array(width * height * 3);
  for (let row = 0; row < height; row++) {
    const from = row * stride;
    let to = (header.topDown ? row : height - 1 - row) * width * 3;
    for (let x = 0; x < width; x++, to += 3) {
      if (depth <= 8) {
        const bit = x * depth;
        const index = (source[from + (bit >> 3)] >> (8 - depth - (bit & 7))) & ((1 << depth) - 1);
        data[to] = palette[index * 3];
        data[to + 1] = palette[index * 3 + 1];
        data[to + 2] = palette[index * 3 + 2];
      } else if (depth === 16) {
        const pixel = source[from + x * 2] | (source[from + x * 2 + 1] << 8);
        data[to] = red(pixel);
        data[to + 1] = green(pixel);
        data[to + 2] = blue(pixel);
      } else {
        const at = from + x * (depth >> 3);
        data[to] = source[at + 2];
        data[to + 1] = source[at + 1];
        data[to + 2] = source[at];
      }
    }
  }
  return { width, height, data };
}
