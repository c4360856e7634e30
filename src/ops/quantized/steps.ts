/**
 * Functions in float32, each step rounded, as kernels compute them. Multiply-adds are rounded twice in the epilogues of integer
 * convolutions, on every host; once elsewhere, where hosts have a fused one.
 */

import type { Activation } from "../attributes.js";

const { fround } = Math;

export const add = (a: number, b: number): number => fround(a + b);
export const multiply = (a: number, b: number): number => fround(a * b);
export const subtract = (a: number, b: number): number => fround(a - b);
export const divide = (a: number, b: number): number => fround(a / b);

/** a × b + c. */
export type MultiplyAdd = (a: number, b: number, c: number) => number;
export const unfused: MultiplyAdd = (a, b, c) => add(c, multiply(a, b));

const SUM = new DataView(new ArrayBuffer(8));

/**
 * Rounded once. The product is exact in float64; the sum is rounded there to odd, so that rounding it again to float32 gives
 * what one rounding would (Boldo & Melquiond 2008).
 */
export const fused: MultiplyAdd = (a, b, c) => {
  const product = a * b;
  const sum = product + c;
  // What the sum lost (Knuth's two-sum).
  const part = sum - product;
  const rest = product - (sum - part) + (c - part);
  if (rest === 0 || !Number.isFinite(sum)) return fround(sum);
  SUM.setFloat64(0, sum);
  const low = SUM.getUint32(4);
  if (low % 2 === 0) {
    if (rest > 0 === sum > 0) SUM.setUint32(4, low + 1);
    else SUM.setBigUint64(0, SUM.getBigUint64(0) - 1n);
  }
  return fround(SUM.getFloat64(0));
};

/** Added to a small number, it leaves the nearest whole one, ties to even, in the low bits of the mantissa. */
const ROUNDING = 12582912;
/** 2^f on [−0.5, 0.5], ascending degree, by how exact the result is to be. */
const EXP2 = {
  float32: [1, 0.69314697759902, 0.24022242085125906, 0.05550733743347755, 0.009671512656018566, 0.0013264727219353678],
  eightBits: [1, 0.6932829313561133, 0.24221100111170335, 0.05500893423556433],
} as const;
/** Of an exponential: for results in float32, or for results that are rounded to eight bits. */
export type Accuracy = keyof typeof EXP2;

const BITS = new DataView(new ArrayBuffer(4));

function polynomial(madd: MultiplyAdd, x: number, coefficients: readonly number[]): number {
  return coefficients.reduceRight((sum, c) => madd(sum, x, fround(c)), 0);
}

/** 2^y, y clamped to [−126, 126]. */
function exp2(madd: MultiplyAdd, y: number, accuracy: Accuracy = "float32"): number {
  const clamped = Math.max(Math.min(y, 126), -126);
  const whole = subtract(add(clamped, ROUNDING), ROUNDING);
  BITS.setFloat32(0, polynomial(madd, subtract(clamped, whole), EXP2[accuracy]));
  BITS.setInt32(0, (BITS.getInt32(0) + (whole << 23)) | 0);
  return BITS.getFloat32(0);
}

const LOG2E = fround(Math.LOG2E);
export const exp = (madd: MultiplyAdd, x: number): number => exp2(madd, multiply(x, LOG2E));
const onePlusExpOfNegative = (madd: MultiplyAdd, x: number, accuracy?: Accuracy): number =>
  add(exp2(madd, multiply(x, -LOG2E), accuracy), 1);

/** σ as heads need it: exactly 0 where e⁻ˣ is beyond float32. */
export function headSigmoid(x: number): number {
  const exponent = multiply(x, -LOG2E);
  const beyond = multiply(Math.max(multiply(subtract(exponent, 128), 65536), 0), fround(3e38));
  return divide(1, add(add(exp2(fused, exponent), 1), beyond));
}

/** ln(1 + t) for t in [0, 1]. */
function log1p(madd: MultiplyAdd, t: number): number {
  const s = divide(t, add(t, 2));
  const series = Array.from({ length: 8 }, (_, n) => 2 / (2 * n + 1));
  return multiply(s, polynomial(madd, multiply(s, s), series));
}

function erf(madd: MultiplyAdd, x: number): number {
  const a = Math.abs(x);
  const t = divide(1, madd(a, fround(0.3275911), 1));
  const series = polynomial(madd, t, [0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429]);
  const result = subtract(1, multiply(multiply(t, series), exp(madd, -multiply(a, a))));
  return Object.is(Math.sign(x), -0) || x < 0 ? -Math.abs(result) : Math.abs(result);
}

const SIXTH = fround(1 / 6);
const relu6 = (x: number): number => Math.min(Math.max(x, 0), 6);

/** The function of an activation, of float32 numbers: in the epilogue of an integer convolution, or in that of another. */
export function activationSteps(activation: Activation, epilogue: "integer" | "float"): (x: number) => number {
  const madd = epilogue === "integer" ? unfused : fused;
  switch (activation.kind) {
    case "identity":
      return (x) => x;
    case "silu":
      return (x) => divide(x, onePlusExpOfNegative(madd, x, epilogue === "integer" ? "eightBits" : "float32"));
    case "sigmoid":
      return (x) => divide(1, onePlusExpOfNegative(madd, x));
    case "relu":
      return (x) => Math.max(x, 0);
    case "relu6":
      return relu6;
    case "leakyRelu":
      return (x) => madd(Math.min(x, 0), fround(activation.slope), Math.max(x, 0));
    case "hardsigmoid":
      return (x) => multiply(relu6(add(x, 3)), SIXTH);
    case "hardswish":
      return (x) => multiply(x, multiply(relu6(add(x, 3)), SIXTH));
    case "mish":
      return (x) => {
        const e = exp(madd, Math.min(x, 30));
        const n = multiply(e, add(e, 2));
        return multiply(x, divide(n, add(n, 2)));
      };
    case "gelu":
      return (x) => multiply(multiply(x, 0.5), add(erf(madd, multiply(x, fround(Math.SQRT1_2))), 1));
    case "tanh":
      return (x) => subtract(1, divide(2, add(exp(madd, add(x, x)), 1)));
    case "elu":
      return (x) => madd(fround(activation.alpha), subtract(exp(madd, Math.min(x, 0)), 1), Math.max(x, 0));
    case "softplus":
      return (x) => add(Math.max(x, 0), log1p(madd, exp(madd, -Math.abs(x))));
  }
}
