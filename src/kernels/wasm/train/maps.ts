/** Element by element: gradients of activations, rounding to the steps of a quantization and its gradient. */

import type { Activation } from "../../../ops/attributes.js";
import type { QuantizationSteps } from "../../../ops/gradients/index.js";
import { type FunctionBuilder, type Vec, vec } from "../emit/index.js";
import type { Kernel } from "../kernel.js";
import { activationKey } from "../map/activations.js";
import { type ElementwiseField, elementwiseMap } from "../map/elementwise.js";
import { erf, exp, onePlusExpsOfNegative } from "../map/math.js";

/** 1 above 0, else 0: what a huge factor leaves of a number that is clamped to [0, 1]. */
const above = (x: Vec): Vec => vec.pmin(vec.pmax(vec.mul(x, vec.splat(3e38)), vec.splat(0)), vec.splat(1));

/** The derivative at x, as PyTorch has it. */
function derivative(f: FunctionBuilder, activation: Activation, value: Vec): Vec {
  const one = vec.splat(1);
  const x = f.vec(value);
  const not = (v: Vec): Vec => vec.sub(one, v);
  const sigmoid = (): Vec => f.vec(vec.div(one, onePlusExpsOfNegative(f, [x])[0]));
  switch (activation.kind) {
    case "identity":
      return one;
    case "silu": {
      const s = sigmoid();
      return vec.mul(s, vec.madd(x, not(s), one));
    }
    case "sigmoid": {
      const s = sigmoid();
      return vec.mul(s, not(s));
    }
    case "relu":
      return above(x);
    case "relu6":
      return vec.mul(above(x), above(f.vec(vec.sub(vec.splat(6), x))));
    case "leakyRelu":
      return vec.madd(above(x), vec.splat(1 - activation.slope), vec.splat(activation.slope));
    case "hardswish": {
      const high = f.vec(above(f.vec(vec.sub(x, vec.splat(3)))));
      const slope = vec.madd(x, vec.splat(1 / 3), vec.splat(0.5));
      return vec.mul(above(f.vec(vec.add(x, vec.splat(3)))), vec.madd(not(high), slope, high));
    }
    case "hardsigmoid": {
      const inside = vec.mul(above(f.vec(vec.add(x, vec.splat(3)))), above(f.vec(vec.sub(vec.splat(3), x))));
      return vec.mul(inside, vec.splat(1 / 6));
    }
    case "mish": {
      const e = exp(f, vec.pmin(x, vec.splat(30)));
      const n = f.vec(vec.mul(e, vec.add(e, vec.splat(2))));
      const t = f.vec(vec.div(n, vec.add(n, vec.splat(2))));
      return vec.madd(vec.mul(x, not(vec.mul(t, t))), vec.div(e, vec.add(e, one)), t);
    }
    case "gelu": {
      const cumulative = vec.mul(vec.splat(0.5), vec.add(erf(f, vec.mul(x, vec.splat(Math.SQRT1_2))), one));
      const density = vec.mul(exp(f, vec.mul(vec.mul(x, x), vec.splat(-0.5))), vec.splat(1 / Math.sqrt(2 * Math.PI)));
      return vec.madd(x, density, cumulative);
    }
    case "tanh": {
      const t = f.vec(not(vec.div(vec.splat(2), vec.add(exp(f, vec.add(x, x)), one))));
      return not(vec.mul(t, t));
    }
    case "elu": {
      const positive = f.vec(above(x));
      const negative = vec.mul(vec.splat(activation.alpha), exp(f, vec.pmin(x, vec.splat(0))));
      return vec.madd(not(positive), negative, positive);
    }
    case "softplus":
      return sigmoid();
  }
}

/** `x` before the activation, `y` the gradient of what it gave. */
export function activationGradientKernel(activation: Activation): Kernel<ElementwiseField> {
  return elementwiseMap(`activationGradient ${activationKey(activation)}`, (f, x, y) =>
    vec.mul(f.vec(derivative(f, activation, x)), y()),
  );
}

/** Added to a small number, it leaves the nearest whole one, ties to even. */
const ROUNDING = vec.splat(12582912);
const clamped = (x: Vec, low: number, high: number): Vec => vec.pmin(vec.pmax(x, vec.splat(low)), vec.splat(high));
const rounded = (x: Vec): Vec => vec.sub(vec.add(x, ROUNDING), ROUNDING);
const stepsKey = ({ scale, low }: QuantizationSteps): string => `${scale} ${low}`;

export function fakeQuantizeKernel(steps: QuantizationSteps): Kernel<ElementwiseField> {
  const { scale, inverse, low, high } = steps;
  return elementwiseMap(`fakeQuantize ${stepsKey(steps)}`, (_, x) =>
    vec.mul(rounded(clamped(vec.mul(x, vec.splat(inverse)), low, high)), vec.splat(scale)),
  );
}

/** `x` before it is rounded, `y` the gradient of what it gave: it stays where nothing is clipped. */
export function fakeQuantizeGradientKernel(steps: QuantizationSteps): Kernel<ElementwiseField> {
  const { inverse, low, high } = steps;
  return elementwiseMap(`fakeQuantizeGradient ${stepsKey(steps)}`, (f, x, y) => {
    const whole = f.vec(rounded(clamped(vec.mul(x, vec.splat(inverse)), low - 1, high + 1)));
    const beyond = vec.abs(vec.sub(whole, clamped(whole, low, high)));
    return vec.mul(vec.sub(vec.splat(1), beyond), y());
  });
}
