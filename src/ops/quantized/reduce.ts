/** Means and softmax in steps of float32, summed in the kernels' order. */

import type { HostTensor } from "../../tensor/index.js";
import { floatOutput, floats } from "../shapes.js";
import { add, divide, exp, fused, multiply, subtract } from "./steps.js";

/** Pixels of a partial sum, and of a sum of such: float32 would lose what is added one by one to millions. */
const PART = 64;
const PARTS = 64 * PART;

function sum(values: Float32Array, sizes: readonly number[]): number {
  const [size, ...smaller] = sizes;
  let total = 0;
  if (size === undefined) for (const value of values) total = add(total, value);
  else for (let i = 0; i < values.length; i += size) total = add(total, sum(values.subarray(i, i + size), smaller));
  return total;
}

/** Mean over height and width. */
export function averagePoolSteps(x: HostTensor): HostTensor {
  const [n, c, h, w] = x.shape;
  const out = floatOutput([n, c, 1, 1], x);
  const inverse = Math.fround(1 / (h * w));
  for (let plane = 0; plane < n * c; plane++) {
    const values = floats(x).subarray(plane * h * w, (plane + 1) * h * w);
    out.data[plane] = multiply(sum(values, [PARTS, PART]), inverse);
  }
  return out;
}

export function softmaxSteps(x: HostTensor, axis: number): HostTensor {
  const out = floatOutput(x.shape, x);
  const size = x.shape[axis];
  const inner = x.shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const source = floats(x);
  for (let line = 0; line < source.length / size; line++) {
    const first = Math.floor(line / inner) * size * inner + (line % inner);
    const places = Array.from({ length: size }, (_, i) => first + i * inner);
    const top = places.reduce((most, at) => Math.max(most, source[at]), Number.NEGATIVE_INFINITY);
    let total = 0;
    for (const at of places) {
      out.data[at] = exp(fused, subtract(source[at], top));
      total = add(total, out.data[at]);
    }
    for (const at of places) out.data[at] = divide(out.data[at], total);
  }
  return out;
}
