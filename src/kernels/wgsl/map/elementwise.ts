/** Descriptors of `unary.wgsl`, `affine.wgsl` and `add.wgsl`. All tensors of a call are stored alike. */

import type { Activation } from "../../../ops/attributes.js";
import { defineKernel, foldWorkgroups, type KernelCall, type Params, type Workgroups } from "../kernel.js";
import { pixelCount, type Stored } from "../stored.js";
import { activationOverrides } from "./activation.js";
import activation from "./activation.wgsl";
import addSource from "./add.wgsl";
import affineSource from "./affine.wgsl";
import unarySource from "./unary.wgsl";

const unary = defineKernel("unary", unarySource, { x: "read", y: "write" }, { modules: [activation] });
const affine = defineKernel("affine", affineSource, { x: "read", scale: "read", shift: "read", y: "write" });
const add = defineKernel("add", addSource, { a: "read", b: "read", y: "write" });

const perPixel = (t: Stored): Workgroups => foldWorkgroups(Math.ceil(pixelCount(t) / 64), t.quads);

const planeParams = (t: Stored): Params => ({ plane: t.plane, outPixels: pixelCount(t) });

/** y = activation(x · factor). */
export function unaryCall(t: Stored, fn: Activation, factor = 1): KernelCall {
  return {
    kernel: unary,
    overrides: activationOverrides(fn),
    params: { ...planeParams(t), factor },
    workgroups: perPixel(t),
    variant: fn.kind,
  };
}

/** y = x · scale + shift, a scale and a shift a channel. */
export function affineCall(t: Stored): KernelCall {
  return { kernel: affine, overrides: {}, params: planeParams(t), workgroups: perPixel(t) };
}

export function addCall(t: Stored): KernelCall {
  return { kernel: add, overrides: {}, params: planeParams(t), workgroups: perPixel(t) };
}
