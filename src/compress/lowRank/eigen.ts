/**
 * Eigenvalues and eigenvectors of symmetric matrices: Householder's reduction to a tridiagonal matrix, then QL steps with implicit
 * shifts (Golub & Van Loan, Matrix Computations, §8.3). All in float64.
 */

import { Breather } from "../../breathe.js";
import { invariant } from "../../errors.js";

export interface Eigen {
  /** Largest first. */
  readonly values: Float64Array;
  /** [n × n]: row k is the unit eigenvector of `values[k]`. */
  readonly vectors: Float64Array;
}

/** QL steps for one eigenvalue; three are typical. */
const MOST_STEPS = 60;

/** @param matrix symmetric, [n × n]; not modified. */
export async function symmetricEigen(matrix: Float64Array, n: number, breather = new Breather()): Promise<Eigen> {
  invariant(matrix.every(Number.isFinite), "eigenvalues of a matrix with numbers that are not finite");
  const { diagonal, side, rows } = await tridiagonal(matrix, n, breather);
  const scale = diagonal.reduce((most, v, i) => Math.max(most, Math.abs(v) + Math.abs(side[i])), 0);
  const nothing = Number.EPSILON * scale;
  for (let first = 0; first < n; first++) {
    for (let step = 0; ; step++) {
      let last = first;
      while (last < n - 1 && Math.abs(side[last]) > nothing) last++;
      if (last === first) break;
      invariant(step < MOST_STEPS, "eigenvalues do not converge");
      shiftedStep(diagonal, side, rows, n, first, last);
    }
    await breather.rest();
  }
  const order = Array.from({ length: n }, (_, i) => i).sort((a, b) => diagonal[b] - diagonal[a]);
  const vectors = new Float64Array(n * n);
  for (const [k, i] of order.entries()) vectors.set(rows.subarray(i * n, (i + 1) * n), k * n);
  return { values: Float64Array.from(order, (i) => diagonal[i]), vectors };
}

interface Tridiagonal {
  readonly diagonal: Float64Array;
  /** `side[i]` couples i and i + 1; the last is 0. */
  readonly side: Float64Array;
  /** Qᵀ of Q·T·Qᵀ = matrix. */
  readonly rows: Float64Array;
}

async function tridiagonal(matrix: Float64Array, n: number, breather: Breather): Promise<Tridiagonal> {
  const a = matrix.slice();
  const rows = new Float64Array(n * n);
  for (let i = 0; i < n; i++) rows[i * n + i] = 1;
  const v = new Float64Array(n);
  const p = new Float64Array(n);
  for (let k = 0; k < n - 2; k++) {
    let norm = 0;
    for (let i = k + 1; i < n; i++) norm += a[i * n + k] ** 2;
    const below = norm - a[(k + 1) * n + k] ** 2;
    // Nothing to remove in this column.
    if (!(below > 0)) continue;
    const length = Math.sqrt(norm);
    for (let i = k + 1; i < n; i++) v[i] = a[i * n + k];
    v[k + 1] += v[k + 1] >= 0 ? length : -length;
    const square = 2 / (below + v[k + 1] ** 2);
    // A ← H·A·H with H = 1 − s·v·vᵀ: A − v·qᵀ − q·vᵀ, q = p − (s/2)(pᵀv)·v, p = s·A·v.
    let along = 0;
    for (let i = k; i < n; i++) {
      let sum = 0;
      for (let j = k + 1; j < n; j++) sum += a[i * n + j] * v[j];
      p[i] = square * sum;
      if (i > k) along += p[i] * v[i];
    }
    const half = (square / 2) * along;
    v[k] = 0;
    for (let i = k; i < n; i++) p[i] -= half * v[i];
    for (let i = k; i < n; i++) {
      for (let j = k; j < n; j++) a[i * n + j] -= v[i] * p[j] + p[i] * v[j];
    }
    // Qᵀ ← H·Qᵀ.
    const sums = new Float64Array(n);
    for (let i = k + 1; i < n; i++) for (let j = 0; j < n; j++) sums[j] += v[i] * rows[i * n + j];
    for (let i = k + 1; i < n; i++) {
      const factor = square * v[i];
      for (let j = 0; j < n; j++) rows[i * n + j] -= factor * sums[j];
    }
    await breather.rest();
  }
  const diagonal = Float64Array.from({ length: n }, (_, i) => a[i * n + i]);
  const side = Float64Array.from({ length: n }, (_, i) => (i + 1 < n ? a[(i + 1) * n + i] : 0));
  return { diagonal, side, rows };
}

/** One implicit QL step with Wilkinson's shift on the block [first, last]. */
function shiftedStep(
  diagonal: Float64Array,
  side: Float64Array,
  rows: Float64Array,
  n: number,
  first: number,
  last: number,
): void {
  let g = (diagonal[first + 1] - diagonal[first]) / (2 * side[first]);
  const root = Math.hypot(g, 1);
  g = diagonal[last] - diagonal[first] + side[first] / (g + (g >= 0 ? root : -root));
  let [sine, cosine, shift] = [1, 1, 0];
  for (let i = last - 1; i >= first; i--) {
    const f = sine * side[i];
    const b = cosine * side[i];
    const r = Math.hypot(f, g);
    side[i + 1] = r;
    if (r === 0) {
      diagonal[i + 1] -= shift;
      side[last] = 0;
      return;
    }
    sine = f / r;
    cosine = g / r;
    g = diagonal[i + 1] - shift;
    const t = (diagonal[i] - g) * sine + 2 * cosine * b;
    shift = sine * t;
    diagonal[i + 1] = g + shift;
    g = cosine * t - b;
    for (let j = 0; j < n; j++) {
      const [upper, lower] = [rows[i * n + j], rows[(i + 1) * n + j]];
      rows[(i + 1) * n + j] = sine * upper + cosine * lower;
      rows[i * n + j] = cosine * upper - sine * lower;
    }
  }
  diagonal[first] -= shift;
  side[first] = g;
  side[last] = 0;
}
