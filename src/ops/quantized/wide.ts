/**
 * Weights of up to fifteen bits, for 1×1 convolutions whose results nothing rounds: the last ones of a detection head. A whole number
 * is 128 × high + low, two signed bytes, so that kernels for bytes multiply it in two turns; those for int16 take it as it is.
 */

import { elementCount, type HostTensor, tensor } from "../../tensor/index.js";

/** What the high byte counts. */
const WIDE_STEP = 128;
/** The largest magnitude of which both bytes are in range. */
const LARGEST = 127 * WIDE_STEP;
const LARGEST_ACTIVATION = 255;

/** The largest magnitude with which sums of so many products fit 32 bits. */
export const wideLevels = (products: number): number =>
  Math.min(LARGEST, Math.floor((2 ** 31 - 1) / (LARGEST_ACTIVATION * products)));

/** The two bytes of a whole number. */
export function wideBytes(whole: number): { readonly high: number; readonly low: number } {
  const high = Math.floor((whole + WIDE_STEP / 2) / WIDE_STEP);
  return { high, low: whole - high * WIDE_STEP };
}

/** Weights [O, …] as whole numbers × a scale for each output, in float32, and the scales. */
export function wideWeight(weight: HostTensor<"float32">): {
  readonly weight: HostTensor<"float32">;
  readonly scales: HostTensor<"float32">;
} {
  const { data, shape } = weight;
  const [outputs] = shape;
  const perOutput = elementCount(shape) / outputs;
  const levels = wideLevels(perOutput);
  const scales = new Float32Array(outputs).fill(1);
  const values = new Float32Array(data.length);
  for (let o = 0; o < outputs; o++) {
    const own = data.subarray(o * perOutput, (o + 1) * perOutput);
    const scale = Math.fround(own.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / levels);
    if (scale === 0) continue;
    scales[o] = scale;
    for (const [i, value] of own.entries()) {
      const whole = Math.max(-levels, Math.min(levels, Math.round(value / scale)));
      values[o * perOutput + i] = whole * scale;
    }
  }
  return { weight: tensor("float32", shape, values), scales: tensor("float32", [outputs], scales) };
}
