/** Whether a peer computes what this engine computes: nothing is timed before. Runs in pages too. */

import type { ComputeDType } from "../../../runtime/backend.js";
import { compare, type HostTensor, sameShape } from "../../../tensor/index.js";

/**
 * Distance that rounding explains, as a share of the largest value of a column (a box coordinate, a score): peers compute
 * in float32, this engine in its dtype. A wrong layer is off by far more.
 */
const TOLERANCE: { readonly [D in ComputeDType]: number } = { float32: 2e-3, float16: 5e-2, int8: 0.25 };

/** The largest difference between the outputs of a peer and ours, and what is wrong with it. */
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
    return { maxDifference, problem: `its output ${i} is not ours: ${values} (element ${wrong})` };
  }
  return { maxDifference };
}

/** Share of elements that may be further off: in int8 a score near a decision can go either way. */
const MOST_BEYOND: { readonly [D in ComputeDType]: number } = { float32: 0, float16: 0, int8: 1e-3 };

/**
 * The first element too far off, or −1. Predictions [N, rows, columns] are judged column by column, of int8 by no less than
 * a score's range: scores of a class that is nowhere in the picture are all noise.
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
