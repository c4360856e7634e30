/** TIFF's compressions: LZW, PackBits, Deflate. Each unpacks one strip or tile of known size. */

import { inflateSync } from "fflate";

/** Numbers of the Compression tag. */
export const COMPRESSIONS: Readonly<Record<number, (packed: Uint8Array, out: Uint8Array) => void>> = {
  1: (packed, out) => out.set(packed.subarray(0, out.length)),
  5: unpackLzw,
  8: unpackDeflate,
  32946: unpackDeflate,
  32773: unpackPackBits,
};

function unpackDeflate(packed: Uint8Array, out: Uint8Array): void {
  inflateSync(packed.subarray(2), { out });
}

/** Source: TIFF 6.0, section 9. */
function unpackPackBits(packed: Uint8Array, out: Uint8Array): void {
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
}

const CLEAR = 256;
const END = 257;

/** Source: TIFF 6.0, section 13: codes from the top bit, one bit longer one code early. */
function unpackLzw(packed: Uint8Array, out: Uint8Array): void {
  // Where in `out` each code's bytes lie: a code is its predecessor's bytes and the one after them.
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
      if (at >= packed.length) return;
      buffer = ((buffer << 8) | packed[at++]) & 0xffffff;
      count += 8;
    }
    const code = (buffer >> (count - bits)) & ((1 << bits) - 1);
    count -= bits;
    if (code === END) return;
    if (code === CLEAR) {
      next = 258;
      bits = 9;
      previousStart = -1;
      continue;
    }
    if (previousStart >= 0 && next <= 4096) {
      // The entry is what the previous code gave plus the byte that follows it there, written now.
      start[next] = previousStart;
      length[next] = previousLength + 1;
      next++;
      if (next + 1 >= 1 << bits && bits < 12) bits++;
    }
    const begin = to;
    if (code < 256) {
      out[to++] = code;
    } else {
      if (code >= next) return;
      const from = start[code];
      for (let i = 0; i < length[code] && to < out.length; i++) out[to++] = out[from + i];
    }
    previousStart = begin;
    previousLength = to - begin;
  }
}
