/**
 * Directions of a layer's output in the order in which they matter: principal components of y (Zhang et al. 2016, "Accelerating Very
 * Deep Convolutional Networks"), in the metric G of the mean products of the gradients that the network's outputs pass back to y.
 * Leaving out the last ones changes the outputs least, to first order and as if pixels did not depend on each other.
 *
 * With G = L·Lᵀ these are the eigenvectors v of Lᵀ·Cov(y)·L: vᵀLᵀ·y is y's part along a direction, L⁻ᵀ·v the direction.
 */

import type { Breather } from "../../breathe.js";
import { type ChannelStatistics, cholesky } from "../calibration/regression.js";
import { symmetricEigen } from "./eigen.js";
import type { Factorable, Factors } from "./layers.js";

export interface Basis {
  readonly mean: Float64Array;
  /** What each direction does to the outputs, the largest first. */
  readonly energies: Float64Array;
  /** [O × O]: row k gives y's part along direction k, scaled to a variance of 1. */
  readonly into: Float64Array;
  /** [O × O]: row k is direction k as a change of y. */
  readonly back: Float64Array;
}

/** Added to all gradients, of their mean: a direction without a gradient on a few pictures is not free. */
const RIDGE = 0.1;
/** Least energy of a direction relative to the largest, so that its scale is a moderate number. */
const LEAST_ENERGY = 1e-6;

/** @param gradients mean products of the gradients of the layer's channels, [O × O]. */
export async function basisOf(
  { mean, covariance }: ChannelStatistics,
  gradients: Float64Array,
  breather: Breather,
): Promise<Basis> {
  const n = mean.length;
  const metric = gradients.slice();
  const trace = mean.reduce((sum, _, i) => sum + metric[i * n + i], 0);
  // A layer that the outputs do not depend on has plain principal components.
  const ridge = trace > 0 ? (RIDGE * trace) / n : 1;
  for (let i = 0; i < n; i++) metric[i * n + i] += ridge;
  const l = await cholesky(metric, n, breather);
  const lower = (i: number, j: number): number => l[i * n + j];
  const { values, vectors } = await symmetricEigen(await congruent(l, covariance, n, breather), n, breather);
  const energies = values.map((v) => Math.max(0, v));
  const least = Math.max(energies[0] * LEAST_ENERGY, 1e-30);
  const into = new Float64Array(n * n);
  const back = new Float64Array(n * n);
  for (let k = 0; k < n; k++) {
    const deviation = Math.sqrt(Math.max(energies[k], least));
    const row = k * n;
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let i = 0; i <= j; i++) sum += vectors[row + i] * lower(j, i);
      into[row + j] = sum / deviation;
    }
    for (let i = n - 1; i >= 0; i--) {
      let sum = vectors[row + i] * deviation;
      for (let j = i + 1; j < n; j++) sum -= lower(j, i) * back[row + j];
      back[row + i] = sum / lower(i, i);
    }
    await breather.rest();
  }
  return { mean, energies, into, back };
}

/** Lᵀ·C·L. */
async function congruent(l: Float64Array, c: Float64Array, n: number, breather: Breather): Promise<Float64Array> {
  const half = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < n; k++) {
      const factor = c[i * n + k];
      for (let j = 0; j <= k; j++) half[i * n + j] += factor * l[k * n + j];
    }
    await breather.rest();
  }
  const result = new Float64Array(n * n);
  for (let k = 0; k < n; k++) {
    for (let i = 0; i <= k; i++) {
      const factor = l[k * n + i];
      for (let j = 0; j < n; j++) result[i * n + j] += factor * half[k * n + j];
    }
    await breather.rest();
  }
  return result;
}

/**
 * The pair of convolutions for the first `rank` directions; what the others give on average is in the bias.
 * @param ownBias of the layer itself, if it has one.
 */
export async function factorsOf(
  { weight, outputs, fanIn }: Factorable,
  { mean, into, back }: Basis,
  rank: number,
  ownBias: Float32Array | undefined,
  breather: Breather,
): Promise<Factors> {
  const first = new Float32Array(rank * fanIn);
  const second = new Float32Array(outputs * rank);
  const bias = Float64Array.from(mean);
  const sums = new Float64Array(fanIn);
  for (let k = 0; k < rank; k++) {
    sums.fill(0);
    let offset = 0;
    for (let o = 0; o < outputs; o++) {
      const factor = into[k * outputs + o];
      for (let i = 0; i < fanIn; i++) sums[i] += factor * weight.data[o * fanIn + i];
      offset += factor * (mean[o] - (ownBias?.[o] ?? 0));
    }
    first.set(sums, k * fanIn);
    for (let o = 0; o < outputs; o++) {
      second[o * rank + k] = back[k * outputs + o];
      bias[o] -= back[k * outputs + o] * offset;
    }
    await breather.rest();
  }
  return { rank, first, second, bias: Float32Array.from(bias) };
}
