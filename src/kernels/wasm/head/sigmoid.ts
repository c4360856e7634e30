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
  const steps = each(f, exponents, (exponent) => vec.mul(vec.sub(exponent, vec.splat(128)), vec.splat(65536)));
  const beyond = each(f, steps, (step) => vec.mul(vec.pmax(step, vec.splat(0)), vec.splat(3e38)));
  const denominators = each(f, powers, (power, i) => vec.add(vec.add(power, vec.splat(1)), beyond[i]));
  return each(f, denominators, (denominator) => vec.div(vec.splat(1), denominator));
}

export function headSigmoid(f: FunctionBuilder, x: Vec): VecLocal {
  return headSigmoids(f, [x])[0];
}

/**
 * σ of a row of floats, for a kernel that has many such rows of `bytes` bytes each: whole turns, then one that overlaps them at the
 * end. Rows shorter than a vector are written with what is before them, which comes from before the floats.
 */
export function sigmoidRows(f: FunctionBuilder, bytes: I32Local): (from: I32Local, to: I32Local) => void {
  const offset = f.i32();
  const source = f.i32();
  const target = f.i32();
  const turns = (vectors: number, from: I32Local, to: I32Local): void => {
    const last = f.i32(i32.sub(bytes, vectors * 16));
    f.set(offset, 0);
    f.doWhile(
      () => {
        f.set(target, i32.select(i32.ltS(offset, last), offset, last));
        f.set(source, i32.add(from, target));
        f.increase(target, to);
        const values = Array.from({ length: vectors }, (_, v) => f.vec(vec.load(source, v * 16)));
        for (const [v, value] of headSigmoids(f, values).entries()) f.storeVec(target, value, v * 16);
        f.increase(offset, vectors * 16);
      },
      i32.ltS(offset, bytes),
    );
  };
  return (from, to) =>
    f.if(
      i32.ltS(bytes, TURN_VECTORS * 16),
      () => turns(1, from, to),
      () => turns(TURN_VECTORS, from, to),
    );
}
