/** Descriptors of `softmax.wgsl` and `layer_norm.wgsl`. */

import { defineKernel, foldWorkgroups, type KernelCall } from "../kernel.js";
import { pixelCount, type Stored } from "../stored.js";
import layerNormSource from "./layer_norm.wgsl";
import softmaxSource from "./softmax.wgsl";

const softmax = defineKernel("softmax", softmaxSource, { x: "read", y: "write" });
const layerNorm = defineKernel("layer_norm", layerNormSource, {
  x: "read",
  weight: "read",
  bias: "read",
  y: "write",
});

/** Along the middle axis of a dense row-major tensor [outer, size, inner]. */
export function softmaxCall(outer: number, size: number, inner: number): KernelCall {
  return {
    kernel: softmax,
    overrides: {},
    params: { size, inner, count: outer * inner },
    workgroups: foldWorkgroups(Math.ceil((outer * inner) / 64)),
  };
}

/** Over channels stored in order. */
export function layerNormCall(t: Stored, channels: number, eps: number): KernelCall {
  return {
    kernel: layerNorm,
    overrides: {},
    params: { plane: t.plane, outPixels: pixelCount(t), channels, quads: t.quads, eps },
    workgroups: foldWorkgroups(Math.ceil(pixelCount(t) / 64)),
  };
}
