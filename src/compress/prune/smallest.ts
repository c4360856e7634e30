/**
 * Finds the k smallest elements like `torch.topk(…, largest=False)` on a CPU: ties at the boundary are resolved as by
 * the quickselect of the GNU C++ library (`std::nth_element`: median of three, unguarded partition). float16
 * checkpoints have thousands of equal values, so masks equal PyTorch's only with the same choice. Written from the
 * algorithm's description (Musser 1997, introspective selection) and checked against PyTorch's masks.
 */

import { atOnce, type Pieces } from "../../breathe.js";

/** Values processed per piece. */
const PIECE = 2 ** 20;

/** Indices of the `count` smallest values, in no particular order. */
export function smallestIndices(values: Float32Array, count: number): Int32Array {
  return atOnce(smallestIndexPieces(values, count));
}

export function* smallestIndexPieces(values: Float32Array, count: number): Pieces<Int32Array> {
  if (count <= 0) return new Int32Array(0);
  const order = new Int32Array(values.length);
  for (let i = 0; i < order.length; i++) order[i] = i;
  yield;
  if (count < values.length) yield* select(values, order, count - 1);
  return order.subarray(0, count);
}

/** Rearranges `order` so that its first `nth + 1` entries refer to the smallest values. */
function* select(values: Float32Array, order: Int32Array, nth: number): Pieces<void> {
  const at = (position: number): number => values[order[position]];
  const swap = (a: number, b: number): void => {
    const moved = order[a];
    order[a] = order[b];
    order[b] = moved;
  };
  let first = 0;
  let last = order.length;
  while (last - first > 3) {
    const cut = yield* partition(first, last, at, swap);
    if (cut <= nth) first = cut;
    else last = cut;
  }
  // Stable insertion sort of the rest.
  for (let i = first + 1; i < last; i++) {
    for (let j = i; j > first && at(j) < at(j - 1); j--) swap(j, j - 1);
  }
}

type At = (position: number) => number;
type Swap = (a: number, b: number) => void;

/**
 * Partitions around the median of the second, the middle and the last value, which is moved to the front; returns the
 * start of the upper part.
 */
function* partition(first: number, last: number, at: At, swap: Swap): Pieces<number> {
  swap(first, medianOf(first + 1, first + Math.floor((last - first) / 2), last - 1, at));
  const pivot = at(first);
  let low = first + 1;
  let high = last;
  let rest = high - low - PIECE;
  for (;;) {
    while (at(low) < pivot) low++;
    high--;
    while (pivot < at(high)) high--;
    if (low >= high) return low;
    swap(low, high);
    low++;
    if (high - low > rest) continue;
    rest -= PIECE;
    yield;
  }
}

function medianOf(a: number, b: number, c: number, at: At): number {
  if (at(a) < at(b)) {
    if (at(b) < at(c)) return b;
    return at(a) < at(c) ? c : a;
  }
  if (at(a) < at(c)) return a;
  return at(b) < at(c) ? c : b;
}
