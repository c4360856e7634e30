/** Descriptors of what keeps the shape of its input: gradients of activations, softmax, layerNorm; rounding and its gradient. */

import type { Activation } from "../../../ops/attributes.js";
import type { QuantizationSteps } from "../../../ops/gradients/index.js";
import { defineKernel, foldWorkgroups, type KernelCall } from "../kernel.js";
import { activationOverrides } from "../map/activation.js";
import activation from "../map/activation.wgsl";
import { pixelCount, type Stored } from "../stored.js";
import activationSource from "./activation_gradient.wgsl";
import fakeQuantizeSource from "./fake_quantize.wgsl";
import fakeQuantizeGradientSource from "./fake_quantize_gradient.wgsl";
import layerNormSource from "./layer_norm_gradient.wgsl";
import softmaxSource from "./softmax_gradient.wgsl";

const activationGradient = defineKernel(
  "activation_gradient",
  activationSource,
  { x: "read", dy: "read", y: "write" },
  { modules: [activation] },
);
const softmaxGradient = defineKernel("softmax_gradient", softmaxSource, { s: "read", dy: "read", y: "write" });
const layerNormGradient = defineKernel("layer_norm_gradient", layerNormSource, {
  x: "read",
  weight: "read",
  dy: "read",
  y: "write",
});

/** All three tensors are stored alike. */
export function activationGradientCall(t: Stored, fn: Activation): KernelCall {
  return {
    kernel: activationGradient,
    overrides: activationOverrides(fn),
    params: { plane: t.plane, outPixels: pixelCount(t) },
    workgroups: foldWorkgroups(Math.ceil(pixelCount(t) / 64), t.quads),
    variant: fn.kind,
  };
}

/** Along the middle axis of dense row-major tensors [outer, size, inner]. */
export function softmaxGradientCall(outer: number, size: number, inner: number): KernelCall {
  return {
    kernel: softmaxGradient,
    overrides: {},
    params: { size, inner, count: outer * inner },
    workgroups: foldWorkgroups(Math.ceil((outer * inner) / 64)),
  };
}

/** Over channels stored in order. */
export function layerNormGradientCall(t: Stored, channels: number, eps: number): KernelCall {
  return {
    kernel: layerNormGradient,
    overrides: {},
    params: { plane: t.plane, outPixels: pixelCount(t), channels, quads: t.quads, eps },
    workgroups: foldWorkgroups(Math.ceil(pixelCount(t) / 64)),
  };
}

const fakeQuantize = defineKernel("fake_quantize", fakeQuantizeSource, { x: "read", y: "write" });
const fakeQuantizeGradient = defineKernel("fake_quantize_gradient", fakeQuantizeGradientSource, {
  x: "read",
  dy: "read",
  y: "write",
});

export function fakeQuantizeCall(t: Stored, { scale, inverse, low, high }: QuantizationSteps): KernelCall {
  return {
    kernel: fakeQuantize,
    overrides: {},
    params: { plane: t.plane, outPixels: pixelCount(t), scale, inverse, low, high },
    workgroups: foldWorkgroups(Math.ceil(pixelCount(t) / 64), t.quads),
  };
}

/** All three tensors are stored alike. */
export function fakeQuantizeGradientCall(t: Stored, { inverse, low, high }: QuantizationSteps): KernelCall {
  return {
    kernel: fakeQuantizeGradient,
    overrides: {},
    params: { plane: t.plane, outPixels: pixelCount(t), inverse, low, high },
    workgroups: foldWorkgroups(Math.ceil(pixelCount(t) / 64), t.quads),
  };
}
