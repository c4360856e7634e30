/** Descriptor of `find_overflow.wgsl`. */

import { defineKernel, foldWorkgroups, type KernelCall } from "../kernel.js";
import { pixelCount, type Stored } from "../stored.js";
import source from "./find_overflow.wgsl";

const findOverflow = defineKernel("find_overflow", source, { x: "read", first: "write" });

/** `step` goes into `first` where the tensor, stored in float16, overflowed and nothing smaller is there yet. */
export function findOverflowCall(t: Stored, step: number): KernelCall {
  return {
    kernel: findOverflow,
    overrides: {},
    params: { plane: t.plane, outPixels: pixelCount(t), step },
    half: true,
    workgroups: foldWorkgroups(Math.ceil(pixelCount(t) / 64), t.quads),
  };
}
