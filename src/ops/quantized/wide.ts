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

/** The scale of each output's weights [O, …]: one for outputs of zeros alone. */
export function wideScales({ data, shape }: HostTensor<"float32">): HostTensor<"float32"> {
  const [outputs] = shape;
  const perOutput = elementCount(shape) / outputs;
  const levels = wideLevels(perOutput);
  const scales = Float32Array.from({ length: outputs }, (_, o) => {
    const own = data.subarray(o * perOutput, (o + 1) * perOutput);
    return Math.fround(own.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / levels) || 1;
  });
  return tensor("float32", [outputs], scales);
}

/** Weights [O, …] as whole numbers × their output's scale, in float32. */
export function wideWeight(
  { data, shape }: HostTensor<"float32">,
  scales: HostTensor<"float32">,
): HostTensor<"float32"> {
  const perOutput = elementCount(shape) / shape[0];
  const levels = wideLevels(perOutput);
  const values = Float32Array.from(data, (value, i) => {
    const scale = scales.data[Math.floor(i / perOutput)];
    return Math.max(-levels, Math.min(levels, Math.round(value / scale))) * scale;
  });
  return tensor("float32", shape, values);
}
