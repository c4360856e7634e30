/** Seeded random tensors, so that a failing case fails again. */

import { elementCount, floatToHalf, type HostTensor, halfToFloat, tensor } from "../../src/tensor/index.js";

/** Uniform in [−1, 1), from a 32-bit linear congruential generator. */
export function randomTensor(shape: readonly number[], seed: number, scale = 1): HostTensor<"float32"> {
  let state = (seed * 2654435761) >>> 0;
  const data = new Float32Array(elementCount(shape));
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = (state / 2 ** 31 - 1) * scale;
  }
  return tensor("float32", shape, data);
}

/** The same values as float64, so that reference mathematics rounds nothing. */
export function asFloat64(t: HostTensor): HostTensor {
  return tensor("float64", t.shape, Float64Array.from(t.data as Float32Array));
}

/** Rounded to float16. */
export function asHalves(t: HostTensor): HostTensor<"float32"> {
  return tensor(
    "float32",
    t.shape,
    Float32Array.from(t.data as Float32Array, (v) => halfToFloat(floatToHalf(v))),
  );
}

/** Uniform numbers in [0, 1) (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
