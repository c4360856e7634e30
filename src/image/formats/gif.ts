/**
 * The first frame of a GIF, with transparent pixels in their palette colour. (OpenCV before 4.11 cannot read GIF; the
 * pixels equal Pillow's.) Source: GIF89a specification, appendix F for LZW.
 */

import { ImageError } from "../../errors.js";
import type { DecodeBudget } from "../limits.js";
import type { RgbImage } from "../types.js";

function refuse(what: string, why: string): never {
  throw new ImageError(`${what}: damaged GIF: ${why}`, { reason: why });
}

/** Joins the sub-blocks starting at `at`; a missing terminator counts as the end. */
function joinBlocks(bytes: Uint8Array, at: number): { readonly data: Uint8Array; readonly end: number } {
  const parts: Uint8Array[] = [];
  let p = at;
  let total = 0;
  while (p < bytes.length && bytes[p] !== 0) {
    const part = bytes.subarray(p + 1, p + 1 + bytes[p]);
    parts.push(part);
    total += part.length;
    p += 1 + bytes[p];
  }
  const data = new Uint8Array(total);
  let to = 0;
  for (const part of parts) {
    data.set(part, to);
    to += part.length;
  }
  return { data, end: p + 1 };
}

/** Unpacks LZW codes into `out`; returns the number of pixels. */
function unpackLzw(data: Uint8Array, minimumBits: number, out: Uint8Array): number {
  const clear = 1 << minimumBits;
  const end = clear + 1;
  const prefix = new Uint16Array(4096);
  const suffix = new Uint8Array(4096);
  const stack = new Uint8Array(4097);
  for (let i = 0; i < clear; i++) suffix[i] = i;
  let next = end + 1;
  let bits = minimumBits + 1;
  let previous = -1;
  let first = 0;
  let buffer = 0;
  let count = 0;
  let written = 0;
  for (let at = 0; written < out.length; ) {
    while (count < bits) {
      if (at >= data.length) return written;
      buffer |= data[at++] << count;
      count += 8;
    }
    const code = buffer & ((1 << bits) - 1);
    buffer >>>= bits;
    count -= bits;
    if (code === clear) {
      next = end + 1;
      bits = minimumBits + 1;
      previous = -1;
      continue;
    }
    if (code === end) return written;
    if (previous < 0) {
      if (code > end) return written;
      first = code;
      out[written++] = code;
      previous = code;
      continue;
    }
    if (code > next) return written;
    let depth = 0;
    let walk = code;
    if (code === next) {
      stack[depth++] = first;
      walk = previous;
    }
    for (; walk > end; walk = prefix[walk]) stack[depth++] = suffix[walk];
    first = suffix[walk];
    stack[depth++] = first;
    while (depth > 0 && written < out.length) out[written++] = stack[--depth];
    if (next < 4096) {
      prefix[next] = previous;
      suffix[next] = first;
      next++;
      if (next === 1 << bits && bits < 12) bits++;
    }
    previous = code;
  }
  return written;
}

/** Rows of an interlaced frame in the order of storage. */
function rowOrder(height: number, interlaced: boolean): number[] {
  if (!interlaced) return Array.from({ length: height }, (_, y) => y);
  const rows: number[] = [];
  for (const [start, step] of [
    [0, 8],
    [4, 8],
    [2, 4],
    [1, 2],
  ])
    for (let y = start; y < height; y += step) rows.push(y);
  return rows;
}

/** @throws ImageError for damaged files. A truncated frame keeps the pixels it has. */
export function decodeGif(bytes: Uint8Array, budget: DecodeBudget): RgbImage {
  const { what } = budget;
  if (bytes.length < 13) refuse(what, "it ends within its header (truncated?)");
  const u16 = (at: number) => bytes[at] | (bytes[at + 1] << 8);
  const width = u16(6);
  const height = u16(8);
  budget.size(width, height);
  const tableAt = (flags: number, at: number) =>
    flags & 128 ? bytes.subarray(at, at + 3 * (2 << (flags & 7))) : undefined;
  const globalTable = tableAt(bytes[10], 13);
  for (let at = 13 + (globalTable?.length ?? 0); at < bytes.length; ) {
    if (bytes[at] === 0x21) {
      at = joinBlocks(bytes, at + 2).end;
      continue;
    }
    if (bytes[at] !== 0x2c || at + 10 > bytes.length) break;
    const [left, top, frameWidth, frameHeight] = [u16(at + 1), u16(at + 3), u16(at + 5), u16(at + 7)];
    const flags = bytes[at + 9];
    const localTable = tableAt(flags, at + 10);
    const table = localTable ?? globalTable;
    const dataAt = at + 10 + (localTable?.length ?? 0);
    const minimumBits = bytes[dataAt];
    if (!table) refuse(what, "it has no palette");
    if (!(minimumBits >= 1 && minimumBits <= 8)) refuse(what, "its codes have an impossible size");
    budget.size(frameWidth, frameHeight);
    budget.memory(frameWidth * frameHeight + width * height * 3);
    const indices = new Uint8Array(frameWidth * frameHeight);
    const found = unpackLzw(joinBlocks(bytes, dataAt + 1).data, minimumBits, indices);
    if (found === 0) refuse(what, "its first frame is empty");
    if (found < indices.length) {
      const percent = Math.floor((found / indices.length) * 100);
      budget.note(`damaged GIF: only ${percent} % of its first frame is there (truncated?)`);
    }
    const data = new Uint8Array(width * height * 3);
    for (const [stored, row] of rowOrder(frameHeight, (flags & 64) !== 0).entries()) {
      if (top + row >= height) continue;
      const columns = Math.min(frameWidth, width - left);
      let to = ((top + row) * width + left) * 3;
      for (let x = 0, from = stored * frameWidth; x < columns; x++, from++, to += 3) {
        const index = indices[from] * 3;
        // Beyond the palette's end colours are black.
        if (index + 2 >= table.length) continue;
        data[to] = table[index];
        data[to + 1] = table[index + 1];
        data[to + 2] = table[index + 2];
      }
    }
    return { width, height, data };
  }
  return refuse(what, "it has no frame (truncated?)");
}
