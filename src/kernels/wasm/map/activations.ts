/** Activation functions on four lanes, for the epilogues of kernels and the element-wise kernel. */

import { type Activation, activationParameters } from "../../../ops/attributes.js";
import { type FunctionBuilder, type Vec, type VecLocal, vec } from "../emit/index.js";
import { type Accuracy, each, erf, exp, log1p, onePlusExpsOfNegative } from "./math.js";

/** Part of a kernel's name: `silu`, `leakyRelu(0.1)`. */
export function activationKey(activation: Activation): string {
  const parameters = activationParameters(activation);
  return parameters.length === 0 ? activation.kind : `${activation.kind}(${parameters.join(",")})`;
}

/**
 * Of several vectors. SiLU, which nearly every network has after each convolution, goes through all of them step by step: one alone is
 * a chain of two dozen instructions, each of which waits for the one before.
 * @param accuracy of SiLU
 */
export function activateAll(
  f: FunctionBuilder,
  activation: Activation,
  values: readonly VecLocal[],
  accuracy: Accuracy = "float32",
): readonly VecLocal[] {
  if (activation.kind !== "silu") return each(f, values, (value) => activate(f, activation, value));
  const denominators = onePlusExpsOfNegative(f, values, accuracy);
  return each(f, values, (x, i) => vec.div(x, denominators[i]));
}

/** NaN stays NaN throughout: pmin and pmax keep their first operand then. */
export function activate(f: FunctionBuilder, activation: Activation, value: Vec): Vec {
  const zero = vec.splat(0);
  const one = vec.splat(1);
  if (activation.kind === "identity") return value;
  const x = f.vec(value);
  const sixth = (v: Vec): Vec => vec.mul(v, vec.splat(1 / 6));
  const relu6 = (v: Vec): Vec => vec.pmin(vec.pmax(v, zero), vec.splat(6));
  switch (activation.kind) {
    case "silu":
      return activateAll(f, activation, [x])[0];
    case "sigmoid":
      return vec.div(one, onePlusExpsOfNegative(f, [x])[0]);
    case "relu":
      return vec.pmax(x, zero);
    case "relu6":
      return relu6(x);
    case "leakyRelu":
      return vec.madd(vec.pmin(x, zero), vec.splat(activation.slope), vec.pmax(x, zero));
    case "hardsigmoid":
      return sixth(relu6(f.vec(vec.add(x, vec.splat(3)))));
    case "hardswish":
      return vec.mul(x, sixth(relu6(f.vec(vec.add(x, vec.splat(3))))));
    case "mish": {
      // tanh(ln(1 + e)) = (e² + 2e) ÷ (e² + 2e + 2); beyond 30 it is 1 and e² would overflow.
      const e = exp(f, vec.pmin(x, vec.splat(30)));
      const n = f.vec(vec.mul(e, vec.add(e, vec.splat(2))));
      return vec.mul(x, vec.div(n, vec.add(n, vec.splat(2))));
    }
    case "gelu":
      return vec.mul(vec.mul(x, vec.splat(0.5)), vec.add(erf(f, vec.mul(x, vec.splat(Math.SQRT1_2))), one));
    case "tanh": {
      // 1 − 2 ÷ (e^2x + 1); the exponential is clamped, so no overflow.
      const e = exp(f, vec.add(x, x));
      return vec.sub(one, vec.div(vec.splat(2), vec.add(e, one)));
    }
    case "elu": {
      const negative = vec.sub(exp(f, vec.pmin(x, zero)), one);
      return vec.madd(vec.splat(activation.alpha), negative, vec.pmax(x, zero));
    }
    case "softplus":
      return vec.add(vec.pmax(x, zero), log1p(f, exp(f, vec.neg(vec.abs(x)))));
  }
}
