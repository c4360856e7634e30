/** Comparing tensors: largest difference, normalised mean squared error, allclose. */

import { ShapeError } from "../errors.js";
import { formatShape, type HostTensor, sameShape } from "./tensor.js";

/** How far two tensors are apart. */
export interface Comparison {
  /** Largest |actual − expected|; NaN if one of a pair is NaN, or both are infinite. */
  readonly maxAbs: number;
  /** Σ(actual − expected)² ÷ Σ expected²; 0 for two all-zero tensors, infinite if only `expected` is all zero. */
  readonly nmse: number;
  /** Flat index of the largest difference, −1 if there is none. */
  readonly worstIndex: number;
}

/**
 * Compares element by element, in float64.
 * @throws ShapeError when the shapes differ.
 */
export function compare(actual: HostTensor, expected: HostTensor): Comparison {
  if (!sameShape(actual.shape, expected.shape)) {
    throw new ShapeError(
      `compare: shape ${formatShape(actual.shape)} is not the expected ${formatShape(expected.shape)}`,
      { actual: actual.shape, expected: expected.shape },
    );
  }
  let maxAbs = 0;
  let worstIndex = -1;
  let error = 0;
  let energy = 0;
  for (let i = 0; i < expected.data.length; i++) {
    const e = Number(expected.data[i]);
    const d = Number(actual.data[i]) - e;
    error += d * d;
    energy += e * e;
    const size = Math.abs(d);
    if (size > maxAbs || (Number.isNaN(size) && !Number.isNaN(maxAbs))) {
      maxAbs = size;
      worstIndex = i;
    }
  }
  return { maxAbs, nmse: error === 0 ? 0 : error / energy, worstIndex };
}

/**
 * True where the shapes are equal and |actual − expected| ≤ absolute + relative × |expected| for every element. As in
 * torch.allclose, NaN never is close and an infinity only to itself.
 */
export function allClose(actual: HostTensor, expected: HostTensor, relative: number, absolute: number): boolean {
  if (!sameShape(actual.shape, expected.shape)) return false;
  for (let i = 0; i < expected.data.length; i++) {
    const a = Number(actual.data[i]);
    const e = Number(expected.data[i]);
    if (a === e) continue;
    if (!Number.isFinite(e) || !(Math.abs(a - e) <= absolute + relative * Math.abs(e))) return false;
  }
  return true;
}
