/** σ as heads need it: exactly 0 and 1 where PyTorch's is. */

import { type FunctionBuilder, type Vec, vec } from "../emit/index.js";
import { exp2 } from "../map/math.js";

/** exp2 ends at 2¹²⁶; beyond 2¹²⁸, where float32 ends, this makes the denominator infinite and σ exactly 0, as in PyTorch. */
const beyondFloat32 = (exponent: Vec): Vec => {
  const steps = vec.mul(vec.sub(exponent, vec.splat(128)), vec.splat(65536));
  return vec.mul(vec.pmax(steps, vec.splat(0)), vec.splat(3e38));
};

export function headSigmoid(f: FunctionBuilder, x: Vec): Vec {
  const exponent = f.vec(vec.mul(x, vec.splat(-Math.LOG2E)));
  return vec.div(vec.splat(1), vec.add(vec.add(exp2(f, exponent), vec.splat(1)), beyondFloat32(exponent)));
}
