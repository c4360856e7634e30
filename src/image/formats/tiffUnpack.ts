/** TIFF's compressions: none, LZW, PackBits, Deflate, fax. Each unpacks one strip or tile of known size. */

import { inflateInto } from "../../inflate.js";
import { type FaxOptions, unpackFax } from "./tiffFax.js";

/** Fills `out` as far as the data go; returns the number of bytes that were unpacked, which may be more than fit. */
export type Unpack = (packed: Uint8Array, out: Uint8Array) => number;

/** Compression tag for JPEG; old-style JPEG, before TIFF 6's technical note 2, has another. */
export const JPEG = 7;

const FAX: Readonly<Record<number, FaxOptions["kind"]>> = {
  2: "huffman",
  3: "group 3",
  4: "group 4",
  32771: "huffman words",
};

const UNPACKERS: Readonly<Record<number, Unpack>> = {
  1: (packed, out) => {
    out.set(packed.subarray(0, out.length));
    return packed.length;
  },
  5: unpackLzw,
  8: unpackDeflate,
  32946: unpackDeflate,
  32773: unpackPackBits,
};

/** Names of unsupported compressions. */
export const OTHER_COMPRESSIONS: Readonly<Record<number, string>> = {
  6: "old-style JPEG (compression 6, withdrawn in 1995)",
  34676: "SGI LogLuv",
  34712: "JPEG 2000",
  34925: "LZMA",
  50000: "Zstandard",
  50001: "WebP",
  50002: "JPEG XL",
};

export function isFax(compression: number): boolean {
  return FAX[compression] !== undefined;
}

/** @param fax columns of a chunk, and the tag T4Options. */
export function unpackerOf(
  compression: number,
  fax: { readonly width: number; readonly group3: number } = { width: 1, group3: 0 },
): Unpack | undefined {
  const kind = FAX[compression];
  if (kind === undefined) return UNPACKERS[compression];
  const rowBytes = Math.ceil(fax.width / 8);
  return (packed, out) =>
    rowBytes * unpackFax(packed, out, fax.width, { kind, twoDimensional: (fax.group3 & 1) === 1 });
}

/** A copy with the bits of every byte reversed, for FillOrder 2. */
export function reversedBits(bytes: Uint8Array): Uint8Array {
  const table = Uint8Array.from({ length: 256 }, (_, i) => {
    let reversed = 0;
    for (let bit = 0; bit < 8; bit++) if (i & (1 << bit)) reversed |= 128 >> bit;
    return reversed;
  });
  return bytes.map((byte) => table[byte]);
}

function unpackDeflate(packed: Uint8Array, out: Uint8Array): number {
  return inflateInto(packed.subarray(2), out);
}

/** Source: TIFF 6.0, section 9. */
function unpackPackBits(packed: Uint8Array, out: Uint8Array): number {
  let to = 0;
  for (let at = 0; at < packed.length && to < out.length; ) {
    const control = (packed[at++] << 24) >> 24;
    if (control >= 0) {
      const run = packed.subarray(at, at + Math.min(control + 1, out.length - to));
      out.set(run, to);
      to += run.length;
      at += control + 1;
    } else if (control !== -128) {
      out.fill(packed[at++], to, to + 1 - control);
      to += 1 - control;
    }
  }
  return to;
}

const CLEAR = 256;
const END = 257;

/** Source: TIFF 6.0, section 13: most significant bit first, code length increased one code early. */
function unpackLzw(packed: Uint8Array, out: Uint8Array): number {
  // Position of each code's bytes in `out`: a code is its predecessor's bytes plus the byte after them.
  const start = new Int32Array(4097);
  const length = new Int32Array(4097);
  let next = 258;
  let bits = 9;
  let buffer = 0;
  let count = 0;
  let to = 0;
  let previousStart = -1;
  let previousLength = 0;
  for (let at = 0; to < out.length; ) {
    while (count < bits) {
      if (at >= packed.length) return to;
      buffer = ((buffer << 8) | packed[at++]) & 0xffffff;
      count += 8;
    }
    const code = (buffer >> (count - bits)) & ((1 << bits) - 1);
    count -= bits;
    if (code === END) return to;
    if (code === CLEAR) {
      next = 258;
      bits = 9;
      previousStart = -1;
      continue;
    }
    if (previousStart >= 0 && next <= 4096) {
      // The entry is the previous code's output plus the byte that follows it, which is written now.
      start[next] = previousStart;
      length[next] = previousLength + 1;
      next++;
      if (next + 1 >= 1 << bits && bits < 12) bits++;
    }
    const begin = to;
    if (code < 256) {
      out[to++] = code;
    } else {
      if (code >= next) return to;
      const from = start[code];
      for (let i = 0; i < length[code] && to < out.length; i++) out[to++] = out[from + i];
    }
    previousStart = begin;
    previousLength = to - begin;
  }
  return to;
}
