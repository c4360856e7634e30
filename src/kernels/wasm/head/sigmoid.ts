/** σ as heads need it: exactly 0 and 1 where PyTorch's is. */

import { type FunctionBuilder, type I32Local, i32, type Vec, type VecLocal, vec } from "../emit/index.js";
import { each, exp2s } from "../map/math.js";

/**
 * Vectors of a turn: a host's compiler writes the dozen constants of σ into registers once a turn, which takes longer than σ of
 * one vector.
 */
const TURN_VECTORS = 4;

/**
 * Of several vectors. exp2 ends at 2¹²⁶; beyond 2¹²⁸, where float32 ends, something is added that makes the denominator infinite and σ
 * exactly 0, as in PyTorch.
 */
export function headSigmoids(f: FunctionBuilder, xs: readonly Vec[]): VecLocal[] {
  const exponents = each(f, xs, (x) => vec.mul(x, vec.splat(-Math.LOG2E)));
  const powers = exp2s(f, exponents);
  const denominators = each(f, powers, (power, i) => {
    const steps = vec.mul(vec.sub(exponents[i], vec.splat(128)), vec.splat(65536));
    return vec.add(vec.add(power, vec.splat(1)), vec.mul(vec.pmax(steps, vec.splat(0)), vec.splat(3e38)));
  });
  return each(f, denominators, (denominator) => vec.div(vec.splat(1), denominator));
}

export function headSigmoid(f: FunctionBuilder, x: Vec): VecLocal {
  return headSigmoids(f, [x])[0];
}

/**
 * σ of a row of floats, for a kernel that has many such rows of `bytes` bytes each: whole turns, then single vectors, the last of which
 * overlaps what is before it. Rows shorter than a vector are written with what is before them, which comes from before the floats.
 */
export function sigmoidRows(f: FunctionBuilder, bytes: I32Local): (from: I32Local, to: I32Local) => void {
  const offset = f.i32();
  const at = f.i32();
  return (from, to) => {
    f.set(offset, 0);
    for (const vectors of [TURN_VECTORS, 1]) {
      const last = f.i32(i32.sub(bytes, vectors * 16));
      f.while(i32.leS(offset, vectors === 1 ? f.i32(i32.sub(bytes, 1)) : last), () => {
        f.set(at, i32.select(i32.ltS(offset, last), offset, last));
        const source = f.i32(i32.add(from, at));
        f.increase(at, to);
        const values = Array.from({ length: vectors }, (_, v) => f.vec(vec.load(source, v * 16)));
        for (const [v, value] of headSigmoids(f, values).entries()) f.storeVec(at, value, v * 16);
        f.increase(offset, vectors * 16);
      });
    }
  };
}
