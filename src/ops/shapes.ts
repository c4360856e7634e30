/** Small helpers that the ops share: output allocation and window geometry. */

import { AttributeError } from "../errors.js";
import { allocate, elementCount, type HostTensor } from "../tensor/index.js";
import type { Pair } from "./attributes.js";
import { MAX_REACH } from "./graph/limits.js";

/** Zeros of `shape` in the floating dtype of `like` (float64 stays, everything else is float32). */
export function floatOutput(shape: readonly number[], like: HostTensor): HostTensor<"float32"> {
  const dtype = like.dtype === "float64" ? "float64" : "float32";
  return { dtype, shape, data: allocate(dtype, elementCount(shape)) } as HostTensor<"float32">;
}

/** Zeros of the input's own shape. */
export function elementwiseOutput(x: HostTensor): HostTensor<"float32"> {
  return floatOutput(x.shape, x);
}

/** The data of a floating tensor (float32 or float64), typed as one for arithmetic. */
export function floats(x: HostTensor): Float32Array {
  return x.data as Float32Array;
}

/** ⌊(size + 2·padding − dilation·(kernel − 1) − 1) ÷ stride⌋ + 1, PyTorch's formula for convolution and pooling. */
export function windowOutput(size: number, kernel: number, stride: number, padding: number, dilation: number): number {
  return Math.floor((size + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;
}

/** @throws AttributeError unless the groups are a whole number of at least 1. */
export function checkGroups(groups: number, op: string, node: string): void {
  if (!(Number.isInteger(groups) && groups >= 1)) {
    throw new AttributeError(`${op}: groups must be a whole number of at least 1, got ${groups} (${node})`, {
      groups,
      node,
    });
  }
}

/** @throws AttributeError unless both are integers from `least` to `most`. */
export function checkPair(
  pair: Pair,
  name: string,
  least: number,
  op: string,
  node: string,
  most: number = MAX_REACH,
): void {
  if (!pair.every((v) => Number.isInteger(v) && v >= least)) {
    throw new AttributeError(`${op}: ${name} must be integers of at least ${least}, got [${pair}] (${node})`, { node });
  }
  if (!pair.every((v) => v <= most)) {
    throw new AttributeError(`${op}: ${name} must be at most ${most}, got [${pair}] (${node})`, { node });
  }
}

/** @throws AttributeError for a kernel without a tap, or one that reaches, with its dilation, farther than any real one. */
export function checkKernel(kernel: Pair, dilation: Pair, op: string, node: string): void {
  checkPair(kernel, "kernel", 1, op, node);
  const reach: Pair = [dilation[0] * (kernel[0] - 1), dilation[1] * (kernel[1] - 1)];
  checkPair(reach, "dilation × (kernel − 1)", 0, op, node);
}
