/** A histogram of float32 values with a growing range: what calibration keeps of a tensor over many pictures. */

import { NumericError } from "../../errors.js";

/** Bins on each side of zero. */
export const HALF_BINS = 2048;

/**
 * Values in [−range, range) in 2 × 2048 bins of equal width. The range is a power of two; when it grows, neighbouring
 * bins merge. Minimum and maximum are exact.
 */
export class Histogram {
  readonly counts = new Float64Array(2 * HALF_BINS);
  range = 2 ** -10;
  minimum = Number.POSITIVE_INFINITY;
  maximum = Number.NEGATIVE_INFINITY;
  total = 0;

  /**
   * Counts all values.
   * @param what names the tensor in messages.
   * @throws NumericError for values that are not finite.
   */
  add(values: Float32Array, what: string): void {
    let { minimum, maximum } = this;
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      if (value < minimum) minimum = value;
      if (value > maximum) maximum = value;
      // Only NaN and infinities make this difference nonzero.
      if (value - value !== 0) {
        throw new NumericError(`calibration: ${what} holds ${value}; run verify on the checkpoint first`, { what });
      }
    }
    this.minimum = minimum;
    this.maximum = maximum;
    while (maximum >= this.range || minimum < -this.range) this.grow();
    const { counts, range } = this;
    const perUnit = HALF_BINS / range;
    for (let i = 0; i < values.length; i++) counts[Math.floor(values[i] * perUnit) + HALF_BINS]++;
    this.total += values.length;
  }

  /** Width of a bin. */
  get width(): number {
    return this.range / HALF_BINS;
  }

  private grow(): void {
    const { counts } = this;
    const merged = new Float64Array(counts.length);
    for (let i = 0; i < counts.length; i++) merged[(i >> 1) + HALF_BINS / 2] += counts[i];
    counts.set(merged);
    this.range *= 2;
  }
}
