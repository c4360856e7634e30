/** Activation functions in float64, with PyTorch's definitions. */

import { AttributeError } from "../errors.js";
import { type Activation, activationParameters, type OpAttributes } from "./attributes.js";
import { checkCount, type Op } from "./op.js";
import { elementwiseOutput } from "./shapes.js";

/** 1 ÷ (1 + e⁻ˣ), finite for every x. */
export function sigmoid(x: number): number {
  return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
}

/**
 * `sigmoid` of a float32 number in the steps that PyTorch takes in float32, each rounded: exactly 1 from 16.64 on (e⁻ˣ is
 * then below half a step of 1), exactly 0 below −88.72 (e⁻ˣ is then infinite). Decoding compares scores, so that which of
 * them are equal matters more than their last digits.
 */
export function sigmoid32(x: number): number {
  return Math.fround(1 / Math.fround(1 + Math.fround(Math.exp(-x))));
}

/** ln(1 + eˣ) without overflow. */
export function softplus(x: number): number {
  return x > 20 ? x : Math.log1p(Math.exp(x));
}

/**
 * Gauss error function: for small x the series whose terms are all positive (Abramowitz & Stegun 7.1.6, nothing
 * cancels), beyond it a continued fraction (7.1.14). Relative error a few units of the last place.
 */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  if (a < 2.5) {
    let term = a;
    let sum = a;
    for (let n = 1; term > 1e-17 * sum; n++) {
      term *= (2 * a * a) / (2 * n + 1);
      sum += term;
    }
    return (Math.sign(x) * 2 * Math.exp(-a * a) * sum) / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let n = 60; n >= 1; n--) fraction = n / 2 / (a + fraction);
  return Math.sign(x) * (1 - Math.exp(-a * a) / ((a + fraction) * Math.sqrt(Math.PI)));
}

/** The scalar function of an activation. */
export function activationFunction(activation: Activation): (x: number) => number {
  switch (activation.kind) {
    case "identity":
      return (x) => x;
    case "silu":
      return (x) => x * sigmoid(x);
    case "sigmoid":
      return sigmoid;
    case "relu":
      return (x) => Math.max(x, 0);
    case "relu6":
      return (x) => Math.min(Math.max(x, 0), 6);
    case "leakyRelu": {
      const { slope } = activation;
      return (x) => (x >= 0 ? x : x * slope);
    }
    case "hardswish":
      return (x) => (x * Math.min(Math.max(x + 3, 0), 6)) / 6;
    case "hardsigmoid":
      return (x) => Math.min(Math.max(x + 3, 0), 6) / 6;
    case "mish":
      return (x) => x * Math.tanh(softplus(x));
    case "gelu":
      return (x) => 0.5 * x * (1 + erf(x / Math.SQRT2));
    case "tanh":
      return Math.tanh;
    case "elu": {
      const { alpha } = activation;
      return (x) => (x > 0 ? x : alpha * Math.expm1(x));
    }
    case "softplus":
      return softplus;
  }
}

/** @throws AttributeError for a slope or alpha that is not a finite number. */
export function checkActivation(activation: Activation, op: string, node: string): void {
  for (const parameter of activationParameters(activation)) {
    if (Number.isFinite(parameter)) continue;
    throw new AttributeError(`${op}: ${activation.kind} needs a finite parameter, got ${parameter} (${node})`, {
      node,
    });
  }
}

export const activationOp: Op<"activation"> = {
  type: "activation",
  infer(inputs, attrs: OpAttributes["activation"], node) {
    checkCount(inputs, 1, "x", "activation", node);
    const [x] = inputs;
    checkActivation(attrs.activation, "activation", node);
    return [{ shape: x.shape, dtype: x.dtype }];
  },
  reference([x], attrs) {
    const fn = activationFunction(attrs.activation);
    const out = elementwiseOutput(x);
    const data = x.data as Float32Array;
    for (let i = 0; i < data.length; i++) out.data[i] = fn(data[i]);
    return [out];
  },
  flops: ([x]) => 4 * x.shape.reduce((a, b) => a * b, 1),
};
