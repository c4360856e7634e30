/** Huffman tables as the WebAssembly decoder wants them. */

import type { HuffmanTable } from "../huffman.js";
import { LOOKUP_BITS, TABLE } from "./layout.js";

/** What is known of a code at once: its length with and without the bits that follow it, how many follow, zeros before. */
function lookupEntry(length: number, symbol: number): number {
  const size = symbol & 15;
  return (length << 24) | ((symbol >> 4) << 16) | (size << 8) | (length + size);
}

/** Writes a table at `at`, in bytes, of the decoder's memory. */
export function writeTable({ maxCode, offset, symbols }: HuffmanTable, memory: ArrayBuffer, at: number): void {
  const lookup = new Int32Array(memory, at + TABLE.lookup, 1 << LOOKUP_BITS).fill(0);
  for (let length = 1; length <= LOOKUP_BITS; length++) {
    if (maxCode[length] < 0) continue;
    // The codes of one length follow each other.
    let code = firstCode(maxCode, length);
    const spread = LOOKUP_BITS - length;
    for (; code <= maxCode[length]; code++) {
      const entry = lookupEntry(length, symbols[code + offset[length]]);
      lookup.fill(entry, code << spread, (code + 1) << spread);
    }
  }
  new Int32Array(memory, at + TABLE.maxCode, maxCode.length).set(maxCode);
  new Int32Array(memory, at + TABLE.offset, offset.length).set(offset);
  new Uint8Array(memory, at + TABLE.symbols, symbols.length).set(symbols);
}

/** The smallest code of a length, behind all shorter ones. */
function firstCode(maxCode: Int32Array, length: number): number {
  for (let shorter = length - 1; shorter > 0; shorter--) {
    if (maxCode[shorter] >= 0) return (maxCode[shorter] + 1) << (length - shorter);
  }
  return 0;
}
