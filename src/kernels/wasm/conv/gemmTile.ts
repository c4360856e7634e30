/**
 * The micro-kernel: 4 rows × 8 (or 4) columns of a matrix product in registers; more rows for int8, whose instruction
 * adds as well, so that it needs more sums under way to hide its latency.
 *
 * Rows are activations (one pointer each, consecutive k), columns come from weights packed [k][8]. Each step of k loads
 * two weight vectors and four broadcast activations for sixteen lanes of multiply-add.
 *
 * V8's optimising compiler moves all loads of a basic block to its start; four unrolled steps then need more than the
 * sixteen registers and spill (27 instead of 42 GFLOP/s, docs/wasm.md). A branch that is never taken after each step
 * keeps the blocks short: it tests a bit of the counter that is always zero, each step another, or the compiler would
 * drop the repeated test.
 */

import { type FunctionBuilder, type I32Like, type I32Local, i32, type Vec, type VecLocal, vec } from "../emit/index.js";

/** Rows of the register tile. */
export const TILE_ROWS = 4;
/** Columns of a full panel of packed weights. */
export const PANEL = 8;
/** The counter of k stands above these bits, which stay zero. */
const COUNTER_SHIFT = 8;

export interface GemmTile {
  /** accumulators[row][vector of four columns] */
  readonly accumulators: readonly (readonly VecLocal[])[];
  /** One local for each row, at the first k; left behind the last. */
  readonly rows: readonly I32Local[];
  /** At the panel's first k; left behind the last. */
  readonly weights: I32Local;
  /** Counter for the loop's own use. */
  readonly counter: I32Local;
}

export function gemmTile(f: FunctionBuilder, vectors: number, rows = TILE_ROWS): GemmTile {
  return {
    accumulators: Array.from({ length: rows }, () => f.vecs(vectors)),
    rows: Array.from({ length: rows }, () => f.i32()),
    weights: f.i32(),
    counter: f.i32(),
  };
}

/**
 * What a step of k holds in 32 bits: one float32, two int16 (weights lie [pair][column][2]) or four int8 (weights lie
 * [four][column][4]). Sums of integers are int32.
 */
export type Numbers = "float32" | "int16" | "int8";

function product(numbers: Numbers, activation: Vec, weight: Vec, sum: Vec): Vec {
  switch (numbers) {
    case "float32":
      return vec.madd(activation, weight, sum);
    case "int16":
      return vec.addBits(vec.dotI16(activation, weight), sum);
    case "int8":
      return vec.dotI8(weight, activation, sum);
  }
}

/** Adds `count` steps of k, a positive multiple of `unroll` (at most 9). */
export function accumulate(
  f: FunctionBuilder,
  tile: GemmTile,
  count: I32Like,
  unroll: number,
  numbers: Numbers = "float32",
): void {
  const { accumulators, rows, weights, counter } = tile;
  const vectors = accumulators[0].length;
  f.set(counter, i32.shl(count, COUNTER_SHIFT));
  f.block((exit) => {
    f.doWhile(() => {
      for (let step = 0; step < unroll; step++) {
        const w = accumulators[0].map((_, v) => f.vec(vec.load(weights, (step * vectors + v) * 16)));
        accumulators.forEach((row, r) => {
          const activation = f.vec(vec.loadSplat(rows[r], step * 4));
          row.forEach((sum, v) => {
            f.setVec(sum, product(numbers, activation, w[v], sum));
          });
        });
        if (step < unroll - 1) f.breakIf(exit, i32.and(counter, 1 << step));
      }
      for (const row of rows) f.increase(row, unroll * 4);
      f.increase(weights, unroll * vectors * 16);
      f.set(counter, i32.sub(counter, unroll << COUNTER_SHIFT));
    }, counter);
  });
}
