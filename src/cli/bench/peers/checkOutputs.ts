/** Checks that a peer's outputs match this engine's before it is timed. Also runs in web pages. */

import type { ComputeDType } from "../../../runtime/backend.js";
import { compare, type HostTensor, sameShape } from "../../../tensor/index.js";

/**
 * Difference that rounding explains, relative to the largest value of a column (a box coordinate, a score). Peers
 * compute in float32, this engine in its own dtype. A wrong layer is off by far more.
 */
const TOLERANCE: { readonly [D in ComputeDType]: number } = { float32: 2e-3, float16: 5e-2, int8: 0.25 };

/** The largest difference between a peer's outputs and ours, and what is wrong, if anything. */
export function checkOutputs(
  actual: readonly HostTensor[],
  expected: readonly HostTensor[],
  dtype: ComputeDType,
): { readonly maxDifference: number; readonly problem?: string } {
  const shapes = (list: readonly HostTensor[]): string => list.map(({ shape }) => `[${shape}]`).join(" ");
  if (actual.length !== expected.length || actual.some(({ shape }, i) => !sameShape(shape, expected[i].shape))) {
    return { maxDifference: Number.NaN, problem: `its outputs are ${shapes(actual)}, not ${shapes(expected)}` };
  }
  const comparisons = actual.map((output, i) => compare(output, expected[i]));
  const maxDifference = Math.max(...comparisons.map(({ maxAbs }) => maxAbs));
  for (const [i, output] of actual.entries()) {
    const wrong = wrongElement(output, expected[i], dtype);
    if (wrong < 0) continue;
    const values = `${output.data[wrong]} where ours is ${expected[i].data[wrong]}`;
    return { maxDifference, problem: `its output ${i} differs from ours: ${values} (element ${wrong})` };
  }
  return { maxDifference };
}

/** Fraction of elements that may differ more: in int8 a score near a rounding step can go either way. */
const MOST_BEYOND: { readonly [D in ComputeDType]: number } = { float32: 0, float16: 0, int8: 1e-3 };

/**
 * Index of the first element that differs too much, or −1. Predictions [N, rows, columns] are compared column by
 * column, in int8 relative to at least a score's range, since the scores of a class that is absent from the picture
 * are all noise.
 */
function wrongElement(actual: HostTensor, expected: HostTensor, dtype: ComputeDType): number {
  const columns = expected.shape.length === 3 ? expected.shape[2] : 1;
  const largest = new Float64Array(columns).fill(dtype === "int8" ? 1 : 0);
  for (let i = 0; i < expected.data.length; i++) {
    largest[i % columns] = Math.max(largest[i % columns], Math.abs(Number(expected.data[i])));
  }
  let first = -1;
  let beyond = 0;
  for (let i = 0; i < expected.data.length; i++) {
    const difference = Math.abs(Number(actual.data[i]) - Number(expected.data[i]));
    if (!Number.isFinite(difference)) return i;
    if (difference <= TOLERANCE[dtype] * largest[i % columns]) continue;
    if (first < 0) first = i;
    beyond++;
  }
  return beyond > MOST_BEYOND[dtype] * expected.data.length ? first : -1;
}
