/**
 * Elementary functions on four float32 lanes, for every target. Errors are measured in test/kernels/wasm (stated
 * below): all far below what float32 sums of a convolution round away.
 */

import { type FunctionBuilder, type Vec, type VecLocal, vec } from "../emit/index.js";

/** 1.5 × 2²³: adding it rounds a small number to an integer, which stands in the low bits of the mantissa. */
const ROUNDING = 12582912;
/**
 * 2^f on [−0.5, 0.5], ascending degree: minimax of the relative error (9.2e-8) among those that are 1 at 0, so that tanh and
 * ELU of 0 are 0.
 */
const EXP2 = [
  1, 0.69314697759902, 0.24022242085125906, 0.05550733743347755, 0.009671512656018566, 0.0013264727219353678,
];

/** The same for results of eight bits: relative error 1.02e-4. */
const EXP2_EIGHT_BITS = [1, 0.6932829313561133, 0.24221100111170335, 0.05500893423556433];

/** How exact an exponential is: as far as float32 goes, or enough for results that are rounded to eight bits. */
export type Accuracy = "float32" | "eightBits";

/** A step for each of several vectors, before the next one for any: processors work on all of them while each waits for its last. */
export function each<Value extends Vec>(
  f: FunctionBuilder,
  values: readonly Value[],
  step: (value: Value, index: number) => Vec,
): VecLocal[] {
  return values.map((value, index) => f.vec(step(value, index)));
}

/** Σ coefficients[i]·xⁱ of several x by Horner's rule. */
function polynomials(f: FunctionBuilder, xs: readonly Vec[], coefficients: readonly number[]): readonly Vec[] {
  return coefficients.reduceRight<readonly Vec[]>(
    (sums, c) =>
      sums.length > 0 ? each(f, sums, (sum, i) => vec.madd(sum, xs[i], vec.splat(c))) : xs.map(() => vec.splat(c)),
    [],
  );
}

/** 2^y for several y, each clamped to [−126, 126], relative error below 3e-7, for eight bits 1.03e-4; NaN stays NaN. */
export function exp2s(f: FunctionBuilder, ys: readonly Vec[], accuracy: Accuracy = "float32"): VecLocal[] {
  const coefficients = accuracy === "float32" ? EXP2 : EXP2_EIGHT_BITS;
  const clamped = each(f, ys, (y) => vec.pmax(vec.pmin(y, vec.splat(126)), vec.splat(-126)));
  const shifted = each(f, clamped, (y) => vec.add(y, vec.splat(ROUNDING)));
  const whole = each(f, shifted, (y) => vec.sub(y, vec.splat(ROUNDING)));
  const fractions = each(f, clamped, (y, i) => vec.sub(y, whole[i]));
  const powers = polynomials(f, fractions, coefficients);
  return each(f, powers, (power, i) => vec.addBits(power, vec.shiftBitsLeft(shifted[i], 23)));
}

/** e^x. */
export function exp(f: FunctionBuilder, x: Vec): VecLocal {
  return exp2s(f, [vec.mul(x, vec.splat(Math.LOG2E))])[0];
}

/** 1 ÷ (1 + e^−x) as numerator ÷ denominator, of several: gives the denominators, so that SiLU needs one division. */
export function onePlusExpsOfNegative(
  f: FunctionBuilder,
  xs: readonly Vec[],
  accuracy: Accuracy = "float32",
): VecLocal[] {
  const exponents = xs.map((x) => vec.mul(x, vec.splat(-Math.LOG2E)));
  return each(f, exp2s(f, exponents, accuracy), (power) => vec.add(power, vec.splat(1)));
}

/** ln(1 + t) for t in [0, 1]: 2·artanh(t ÷ (2 + t)) as its series, absolute error below 1e-7. */
export function log1p(f: FunctionBuilder, t: Vec): Vec {
  const argument = f.vec(t);
  const s = f.vec(vec.div(argument, vec.add(argument, vec.splat(2))));
  const square = f.vec(vec.mul(s, s));
  const series = Array.from({ length: 8 }, (_, n) => 2 / (2 * n + 1));
  return vec.mul(s, polynomials(f, [square], series)[0]);
}

/** erf by Abramowitz and Stegun 7.1.26, absolute error below 5e-7 in float32. */
export function erf(f: FunctionBuilder, x: Vec): Vec {
  const argument = f.vec(x);
  const magnitude = f.vec(vec.abs(argument));
  const t = f.vec(vec.div(vec.splat(1), vec.madd(magnitude, vec.splat(0.3275911), vec.splat(1))));
  const series = vec.mul(
    t,
    polynomials(f, [t], [0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429])[0],
  );
  const tail = exp(f, vec.neg(vec.mul(magnitude, magnitude)));
  return vec.copySign(f.vec(vec.sub(vec.splat(1), vec.mul(series, tail))), argument);
}
