/** The rows of a detection head above a threshold, computed for their pixels alone (`lower/sparseHead.ts`). */

import { HEADER_BYTES, STEP_BYTES } from "../../../kernels/wasm/index.js";
import type { CandidateRows } from "../../backend.js";
import type { SparseHead, SparseLevel } from "../lower/sparseSteps.js";
import type { Storage } from "../lower/storages.js";

/** Of thresholds outside, σ is too flat to tell from which number on it reaches them. */
const LEAST = 1e-4;
const MOST = 0.999;
/** By how much less than the exact number is taken: far more than σ and sums differ. Rows are held against the threshold itself. */
const MARGIN = 0.01;

/** Which number before σ a pixel needs; undefined for thresholds that are better computed for all. */
export function scoreFor(threshold: number): number | undefined {
  if (!(threshold >= LEAST && threshold <= MOST)) return undefined;
  return Math.log(threshold / (1 - threshold)) - MARGIN;
}

/** A plan in memory. */
export interface MemoryAt {
  readonly floats: Float32Array;
  readonly words: Int32Array;
  /** Bytes: of the plan's header, and of a storage. */
  readonly header: number;
  readonly placeOf: (storage: Storage) => number;
}

/**
 * Finds the pixels with a number above `least`, and puts them next to each other for the steps that come.
 * @returns the pixels of each level, counted over all pictures of the batch; undefined if they are too many for that.
 */
export function listPixels({ levels }: SparseHead, at: MemoryAt, least: number): Int32Array[] | undefined {
  const lists: Int32Array[] = [];
  for (const level of levels) {
    const list = pixelsAbove(level, at, least);
    if (!list) return undefined;
    lists.push(list);
  }
  for (const [i, level] of levels.entries()) gather(level, at, lists[i]);
  return lists;
}

function pixelsAbove(level: SparseLevel, { floats, placeOf }: MemoryAt, least: number): Int32Array | undefined {
  const { n, pixels, anchors, most, scores } = level;
  const list = new Int32Array(most);
  let count = 0;
  for (let pixel = 0, at = placeOf(scores) / 4; pixel < n * pixels; pixel++, at += 4) {
    for (let a = 0; a < anchors; a++) {
      if (floats[at + a] <= least) continue;
      if (count === most) return undefined;
      list[count++] = pixel;
      break;
    }
  }
  return list.subarray(0, count);
}

function gather(level: SparseLevel, { words, header, placeOf }: MemoryAt, list: Int32Array): void {
  const { pixels, source, depth, inputs, places, counts } = level;
  const { at, width, pixelBytes, rowBytes, imageBytes } = source;
  const from = placeOf(at.storage) + at.offset;
  const to = (placeOf(inputs.storage) + inputs.offset) / 4;
  const place = placeOf(places) / 4;
  for (let i = 0; i < list.length; i++) {
    const pixel = list[i] % pixels;
    const [image, y, x] = [Math.floor(list[i] / pixels), Math.floor(pixel / width), pixel % width];
    const start = (from + image * imageBytes + y * rowBytes + x * pixelBytes) / 4;
    words.copyWithin(to + i * depth, start, start + depth);
    words[place + i] = pixel;
  }
  for (const { step: index, word } of counts) {
    const args = words[(header + HEADER_BYTES + index * STEP_BYTES) / 4 + 1];
    words[args / 4 + word] = list.length;
  }
}

/** Where a row stands in its level, and which row of the picture it is. */
interface Found {
  readonly at: number;
  readonly row: number;
}

/** The rows of each picture whose number `column` is above `threshold`. */
export function listedRows(
  { levels, columns, total }: SparseHead,
  { floats, placeOf }: MemoryAt,
  lists: readonly Int32Array[],
  column: number,
  threshold: number,
): CandidateRows[] {
  // Compared as a float32, as in suppression.
  const least = Math.fround(threshold);
  return Array.from({ length: levels[0].n }, (_, image) => {
    const found: Found[] = [];
    levels.forEach(({ pixels, anchors, firstRow, rows }, l) => {
      const base = (placeOf(rows.storage) + rows.offset) / 4;
      const list = lists[l];
      for (let a = 0; a < anchors; a++) {
        for (let i = 0; i < list.length; i++) {
          const pixel = list[i] - image * pixels;
          const at = base + (i * anchors + a) * columns;
          if (pixel < 0 || pixel >= pixels || !(floats[at + column] > least)) continue;
          found.push({ at, row: firstRow + a * pixels + pixel });
        }
      }
    });
    const rows = new Int32Array(found.length);
    const data = new Float32Array(found.length * columns);
    found.forEach(({ at, row }, i) => {
      rows[i] = row;
      data.set(floats.subarray(at, at + columns), i * columns);
    });
    return { rows, data, columns, total };
  });
}
