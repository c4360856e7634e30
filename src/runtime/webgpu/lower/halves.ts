/** Weights in float16, for plans whose pictures are stored in it. */

import { PrecisionError } from "../../../errors.js";
import { floatToHalf } from "../../../tensor/index.js";

/** The largest float16 value. */
export const LARGEST_HALF = 65504;

/** @throws PrecisionError if a value would become infinite. */
export function toHalves(values: Float32Array, name: string): Uint16Array<ArrayBuffer> {
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    if (!(Math.abs(values[i]) <= LARGEST_HALF)) {
      throw new PrecisionError(
        `webgpu: a weight of ${name} is ${values[i]}, beyond float16's largest value ${LARGEST_HALF}; use float32`,
        { name, value: values[i] },
      );
    }
    halves[i] = floatToHalf(values[i]);
  }
  return halves;
}
