/**
 * Derives the range that 256 steps should cover from a histogram: everything (min-max), all but the rarest values
 * (percentile), or the range that loses the least information (entropy: Migacz, "8-bit inference with TensorRT",
 * 2017).
 */

import { HALF_BINS, type Histogram } from "./histogram.js";

/** The method that derives a tensor's range from its histogram. */
export type CalibrationMethod = "minmax" | "percentile" | "entropy";
export const CALIBRATION_METHODS: readonly CalibrationMethod[] = ["minmax", "percentile", "entropy"];

/** Default percentage of values that the percentile method keeps on each side. */
export const DEFAULT_PERCENTILE = 99.999;

/** `low` ≤ 0 ≤ `high`, so that the padding value 0 is representable. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

export interface ActivationQuantization {
  readonly scale: number;
  /** 0 … 255. */
  readonly zeroPoint: number;
}

/** Minimum bins for a candidate in the entropy search; below it steps would be finer than bins. */
const LEAST_BINS = 128;
const CANDIDATE_STEP = 8;

/** The range of a tensor. @param percentile 50 to 100, for that method. */
export function rangeOf(histogram: Histogram, method: CalibrationMethod, percentile = DEFAULT_PERCENTILE): Range {
  const whole = { low: Math.min(0, histogram.minimum), high: Math.max(0, histogram.maximum) };
  if (histogram.total === 0) return { low: 0, high: 0 };
  if (method === "minmax") return whole;
  const { low, high } =
    method === "percentile" ? percentileRange(histogram, percentile / 100) : entropyRange(histogram);
  return { low: Math.max(whole.low, Math.min(0, low)), high: Math.min(whole.high, Math.max(0, high)) };
}

/** The bin edges beyond which at most a fraction 1 − share of all values lies, on each side. */
function percentileRange({ counts, width, total }: Histogram, share: number): Range {
  const allowed = total * (1 - share) * (1 + 1e-9);
  let below = 0;
  let first = 0;
  while (first < counts.length - 1 && below + counts[first] <= allowed) below += counts[first++];
  let above = 0;
  let last = counts.length - 1;
  while (last > 0 && above + counts[last] <= allowed) above += counts[last--];
  return { low: (first - HALF_BINS) * width, high: (last + 1 - HALF_BINS) * width };
}

/** Cuts both sides at the same magnitude, the one whose 256 steps match the histogram best. */
function entropyRange({ counts, width, minimum, maximum }: Histogram): Range {
  let best = { distance: Number.POSITIVE_INFINITY, bins: HALF_BINS };
  const most = Math.min(HALF_BINS, Math.ceil(Math.max(-minimum, maximum) / width) + 1);
  const negative = Math.min(HALF_BINS, Math.ceil(-Math.min(0, minimum) / width));
  const positive = Math.min(HALF_BINS, Math.ceil(Math.max(0, maximum) / width) + 1);
  for (let bins = Math.min(LEAST_BINS, most); bins <= most; bins += CANDIDATE_STEP) {
    const from = HALF_BINS - Math.min(bins, negative);
    const to = HALF_BINS + Math.min(bins, positive);
    const distance = divergence(counts, from, to);
    if (distance < best.distance) best = { distance, bins };
  }
  return { low: -best.bins * width, high: best.bins * width };
}

/**
 * Kullback-Leibler divergence of bins [from, to), with outliers in the outermost, from their approximation in 256
 * steps.
 */
function divergence(counts: Float64Array, from: number, to: number): number {
  const inside = counts.slice(from, to);
  const clipped = inside.slice();
  for (let i = 0; i < from; i++) clipped[0] += counts[i];
  for (let i = to; i < counts.length; i++) clipped[clipped.length - 1] += counts[i];
  const picture = new Float64Array(inside.length);
  const perStep = inside.length / 256;
  let start = 0;
  for (let step = 0; step < 256; step++) {
    const end = step === 255 ? inside.length : Math.max(start, Math.round((step + 1) * perStep));
    let sum = 0;
    let filled = 0;
    for (let i = start; i < end; i++) {
      sum += inside[i];
      if (clipped[i] > 0) filled++;
    }
    for (let i = start; i < end; i++) if (clipped[i] > 0) picture[i] = sum / filled;
    start = end;
  }
  const total = clipped.reduce((a, b) => a + b, 0);
  const pictured = picture.reduce((a, b) => a + b, 0);
  if (pictured === 0) return Number.POSITIVE_INFINITY;
  let sum = 0;
  for (let i = 0; i < clipped.length; i++) {
    if (clipped[i] === 0) continue;
    const p = clipped[i] / total;
    // A bin with only outliers has no approximation; it counts as one value.
    const q = Math.max(picture[i], 1) / pictured;
    sum += p * Math.log(p / q);
  }
  return sum;
}

/** Scale and zero point of 256 steps over a range. An empty range gets scale 1. */
export function activationQuantization({ low, high }: Range): ActivationQuantization {
  const scale = Math.fround((high - low) / 255);
  if (!(scale > 0)) return { scale: 1, zeroPoint: 0 };
  return { scale, zeroPoint: Math.min(255, Math.max(0, Math.round(-low / scale))) };
}
