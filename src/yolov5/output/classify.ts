/** Classification: logits → probabilities → the best five. */

import { NumericError } from "../../errors.js";

/** A class with its probability. */
export interface ClassScore {
  readonly class: number;
  readonly name: string;
  /** Probability, 0 to 1, float32. */
  readonly confidence: number;
}

/**
 * Softmax over all classes. x − max, its exponential and the quotient are rounded to float32 as in PyTorch, so that
 * classes that tie there tie here; only the sum uses float64.
 * @throws NumericError if a logit is NaN or all are −∞.
 */
export function softmax(logits: ArrayLike<number>): Float32Array {
  let highest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < logits.length; i++) {
    if (Number.isNaN(logits[i])) highest = Number.NaN;
    else if (logits[i] > highest) highest = logits[i];
  }
  if (!Number.isFinite(highest)) {
    throw new NumericError(
      `softmax: the highest of ${logits.length} logits is ${highest}: a fault in the backend or the weights; use dtype float32 or another backend`,
      { highest },
    );
  }
  const exponentials = Float32Array.from(logits, (value) => Math.exp(Math.fround(value - highest)));
  const sum = exponentials.reduce((a, b) => a + b, 0);
  return Float32Array.from(exponentials, (value) => value / sum);
}

/** The `count` most probable classes, descending; among equals the lower index first. */
export function topClasses(probabilities: Float32Array, names: readonly string[], count = 5): ClassScore[] {
  return Array.from(probabilities.keys())
    .sort((a, b) => probabilities[b] - probabilities[a] || a - b)
    .slice(0, count)
    .map((index) => ({ class: index, name: names[index] ?? `class${index}`, confidence: probabilities[index] }));
}
