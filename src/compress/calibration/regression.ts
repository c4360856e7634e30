/**
 * How the channels that a layer used to read follow from those that are left: x ≈ A·x′ + b by ridge regression on sampled
 * pixels. A is drawn towards "every channel is itself", so that channels which tell nothing new change nothing.
 * Minimising ‖X − A·X′‖² + λ‖A − I‖² gives A = (Cov(x, x′) + λI)(Cov(x′, x′) + λI)⁻¹.
 * (Channel pruning with reconstruction: He et al. 2017; here in closed form, and pointwise.)
 */

import { Breather } from "../../breathe.js";
import { type HostTensor, seededRandom, toFloat32 } from "../../tensor/index.js";

export interface ChannelRegression {
  /** [full channels × kept channels], row by row. */
  readonly matrix: Float64Array;
  /** One per full channel. */
  readonly offset: Float64Array;
}

/** λ as a fraction of the mean variance. */
const RIDGE = 0.05;
/** Sampled pixels over all pictures: an absolute minimum, and a minimum per channel. */
const PIXELS = 6000;
const PIXELS_PER_CHANNEL = 24;

/**
 * @param full values of the unpruned network, NCHW, one tensor per picture.
 * @param left the same value in the pruned one.
 * @param kept index in `full` of each channel of `left`.
 */
export function regressChannels(
  full: readonly HostTensor[],
  left: readonly HostTensor[],
  kept: readonly number[],
  breather = new Breather(),
): Promise<ChannelRegression> {
  const [c, d] = [full[0].shape[1], left[0].shape[1]];
  const itself = new Float64Array(c * d);
  for (const [j, i] of kept.entries()) itself[i * d + j] = 1;
  return regressTowards(itself, full, left, breather);
}

/**
 * The same, with A drawn towards any matrix.
 * @param prior [channels of `full` × channels of `left`], row by row.
 */
export async function regressTowards(
  prior: Float64Array | Float32Array,
  full: readonly HostTensor[],
  left: readonly HostTensor[],
  breather: Breather,
): Promise<ChannelRegression> {
  const x = samplePixels(full);
  const y = samplePixels(left);
  const [c, d] = [x.channels, y.channels];
  const meanX = centre(x);
  const meanY = centre(y);
  const cross = await products(x, y, breather);
  const own = await products(y, y, breather);
  let trace = 0;
  for (let j = 0; j < d; j++) trace += own[j * d + j];
  const ridge = (RIDGE * trace) / d + 1e-12;
  for (let j = 0; j < d; j++) own[j * d + j] += ridge;
  for (let k = 0; k < cross.length; k++) cross[k] += ridge * prior[k];
  const factor = await cholesky(own, d, breather);
  for (let i = 0; i < c; i++) {
    solve(factor, d, cross.subarray(i * d, (i + 1) * d));
    await breather.rest();
  }
  const offset = Float64Array.from({ length: c }, (_, i) => {
    let value = meanX[i];
    for (let j = 0; j < d; j++) value -= cross[i * d + j] * meanY[j];
    return value;
  });
  return { matrix: cross, offset };
}

/** How a value's channels vary, on sampled pixels. */
export interface ChannelStatistics {
  readonly mean: Float64Array;
  /** [channels × channels]. */
  readonly covariance: Float64Array;
}

/** @param maps NCHW, one tensor per picture. */
export async function channelStatistics(maps: readonly HostTensor[], breather: Breather): Promise<ChannelStatistics> {
  const x = samplePixels(maps);
  const mean = centre(x);
  return { mean, covariance: await products(x, x, breather) };
}

/** Inverse of a symmetric positive definite matrix. */
export async function inverse(matrix: Float64Array, n: number, breather: Breather): Promise<Float64Array> {
  const factor = await cholesky(matrix, n, breather);
  const result = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    result[i * n + i] = 1;
    solve(factor, n, result.subarray(i * n, (i + 1) * n));
    await breather.rest();
  }
  return result;
}

interface Samples {
  readonly channels: number;
  readonly count: number;
  /** Channel by channel. */
  readonly data: Float32Array;
}

/** Samples the same pixels for all values of these dimensions: the random sequence depends only on the pixel counts. */
function samplePixels(maps: readonly HostTensor[]): Samples {
  const [, channels, h, w] = maps[0].shape;
  const plane = h * w;
  const perPicture = Math.min(plane, Math.ceil(Math.max(PIXELS, PIXELS_PER_CHANNEL * 256) / maps.length));
  const count = perPicture * maps.length;
  const data = new Float32Array(channels * count);
  const random = seededRandom(1);
  let at = 0;
  for (const map of maps) {
    const source = toFloat32(map).data;
    for (let p = 0; p < perPicture; p++, at++) {
      const pixel = perPicture === plane ? p : Math.floor(random() * plane);
      for (let c = 0; c < channels; c++) data[c * count + at] = source[c * plane + pixel];
    }
  }
  return { channels, count, data };
}

/** Subtracts the mean of each channel and returns it. */
function centre({ channels, count, data }: Samples): Float64Array {
  const means = new Float64Array(channels);
  for (let c = 0; c < channels; c++) {
    let sum = 0;
    for (let i = c * count; i < (c + 1) * count; i++) sum += data[i];
    means[c] = sum / count;
    for (let i = c * count; i < (c + 1) * count; i++) data[i] -= means[c];
  }
  return means;
}

/** Mean products of all pairs of channels, [a × b]. */
async function products(a: Samples, b: Samples, breather: Breather): Promise<Float64Array> {
  const { count } = a;
  const out = new Float64Array(a.channels * b.channels);
  for (let i = 0; i < a.channels; i++) {
    const row = a.data.subarray(i * count, (i + 1) * count);
    for (let j = 0; j < b.channels; j++) {
      if (a === b && j < i) {
        out[i * b.channels + j] = out[j * b.channels + i];
        continue;
      }
      const column = b.data.subarray(j * count, (j + 1) * count);
      let sum = 0;
      for (let s = 0; s < count; s++) sum += row[s] * column[s];
      out[i * b.channels + j] = sum / count;
    }
    await breather.rest();
  }
  return out;
}

/** Lower triangle L of a positive definite matrix, M = L·Lᵀ. */
export async function cholesky(matrix: Float64Array, n: number, breather: Breather): Promise<Float64Array> {
  const l = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * n + j];
      for (let k = 0; k < j; k++) sum -= l[i * n + k] * l[j * n + k];
      l[i * n + j] = i === j ? Math.sqrt(Math.max(sum, 1e-30)) : sum / l[j * n + j];
    }
    await breather.rest();
  }
  return l;
}

/** Replaces `row` by the solution z of M·z = row. */
function solve(l: Float64Array, n: number, row: Float64Array): void {
  for (let i = 0; i < n; i++) {
    let sum = row[i];
    for (let k = 0; k < i; k++) sum -= l[i * n + k] * row[k];
    row[i] = sum / l[i * n + i];
  }
  for (let i = n - 1; i >= 0; i--) {
    let sum = row[i];
    for (let k = i + 1; k < n; k++) sum -= l[k * n + i] * row[k];
    row[i] = sum / l[i * n + i];
  }
}
