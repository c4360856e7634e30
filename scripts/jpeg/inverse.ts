/** The inverse cosine transform of `src/image/jpeg/idct.ts` in SIMD, bit for bit. */

import { AT } from "../../src/image/jpeg/baseline/layout.js";
import * as dct from "../../src/image/jpeg/idct.js";
import { type FunctionBuilder, type I32Local, i32, type Vec, vec } from "../../src/kernels/wasm/emit/index.js";
import { anyTrue, bits, bytes16, i16x8, storeEight, zero } from "./operations.js";

const SIDE = 8;
const ROW = 2 * SIDE;

/** One pass over eight columns: rows in, rows out, saturated to int16. */
function pass(f: FunctionBuilder, s: readonly Vec[], round: number, shift: number): Vec[] {
  const local = (value: Vec): Vec => f.vec(value);
  const sum = (a: Vec, b: Vec): Vec => local(vec.addBits(a, b));
  const difference = (a: Vec, b: Vec): Vec => local(vec.subI32(a, b));
  const rounding = local(vec.splatI32(round));
  const [sum04, difference04] = [local(i16x8.add(s[0], s[4])), local(i16x8.sub(s[0], s[4]))];
  const [s73, s51] = [local(i16x8.add(s[7], s[3])), local(i16x8.add(s[5], s[1]))];
  const halves = [i16x8.interleaveLow, i16x8.interleaveHigh].map((interleave) => {
    const pair = (a: Vec, b: Vec): Vec => local(interleave(a, b));
    const rotate = (both: Vec, a: number, b: number): Vec => local(vec.dotI16(both, i16x8.const(a, b)));
    // Times 2 to the 13th: the value in the upper half of 32 bits, moved right by three.
    const scaled = (value: Vec): Vec => sum(vec.shiftRight(pair(zero, value), 3), rounding);
    const s26 = pair(s[2], s[6]);
    const e2 = rotate(s26, dct.FIX_0_541, dct.FIX_0_541 - dct.FIX_1_847);
    const e3 = rotate(s26, dct.FIX_0_541 + dct.FIX_0_765, dct.FIX_0_541);
    const [e0, e1] = [scaled(sum04), scaled(difference04)];
    const even = [sum(e0, e3), sum(e1, e2), difference(e1, e2), difference(e0, e3)];
    const z = pair(s73, s51);
    const z3 = rotate(z, dct.FIX_1_175 - dct.FIX_1_961, dct.FIX_1_175);
    const z4 = rotate(z, dct.FIX_1_175, dct.FIX_1_175 - dct.FIX_0_390);
    const s71 = pair(s[7], s[1]);
    const s53 = pair(s[5], s[3]);
    const odd = [
      sum(rotate(s71, -dct.FIX_0_899, dct.FIX_1_501 - dct.FIX_0_899), z4),
      sum(rotate(s53, -dct.FIX_2_562, dct.FIX_3_072 - dct.FIX_2_562), z3),
      sum(rotate(s53, dct.FIX_2_053 - dct.FIX_2_562, -dct.FIX_2_562), z4),
      sum(rotate(s71, dct.FIX_0_298 - dct.FIX_0_899, -dct.FIX_0_899), z3),
    ];
    const done = (value: Vec): Vec => local(vec.shiftRight(value, shift));
    return [
      ...even.map((value, i) => done(sum(value, odd[i]))),
      ...even.map((value, i) => done(difference(value, odd[i]))).reverse(),
    ];
  });
  return halves[0].map((low, i) => local(vec.narrowI32(low, halves[1][i])));
}

/** Rows to columns. */
function transposed(f: FunctionBuilder, rows: readonly Vec[]): Vec[] {
  const step = (from: readonly Vec[]): Vec[] =>
    [0, 1, 2, 3].flatMap((i) => [
      f.vec(i16x8.interleaveLow(from[i], from[i + 4])),
      f.vec(i16x8.interleaveHigh(from[i], from[i + 4])),
    ]);
  return step(step(step(rows)));
}

/**
 * The block at `AT.coefficients`.
 * @param quantization by rows
 * @param to its samples; stride: bytes of a row of them
 */
export function defineInverse(f: FunctionBuilder, quantization: I32Local, to: I32Local, stride: I32Local): void {
  const at = f.i32(AT.coefficients);
  const middle = f.vec(bytes16.const(0x80));
  const rows = Array.from({ length: SIDE }, (_, y) => f.vec(vec.load(at, ROW * y)));
  const scaled = f.vecs(SIDE);
  const pair = f.vec();
  /** Two rows of samples, which are 128 less. */
  const storeRows = (two: Vec): void => {
    f.setVec(pair, bytes16.xor(two, middle));
    for (const half of [0, 1] as const) {
      f.run(storeEight(to, pair, half));
      f.increase(to, stride);
    }
  };
  const others = rows.slice(1).reduce<Vec>((all, row) => bits.or(all, row), zero);
  f.setVec(scaled[0], i16x8.mul(rows[0], vec.load(quantization)));
  f.if(
    i32.eqz(anyTrue(others)),
    () => {
      // The pass over columns is a shift, in 16 bits.
      f.setVec(scaled[0], i16x8.shl(scaled[0], 2));
      const flat = bits.and(rows[0], i16x8.const(0, -1, -1, -1, -1, -1, -1, -1));
      f.if(i32.eqz(anyTrue(flat)), () => {
        f.setVec(scaled[0], i16x8.shrS(i16x8.addSaturated(i16x8.splatFirst(scaled[0]), i16x8.const(16)), 5));
        f.setVec(scaled[0], vec.narrowI16.signed(scaled[0], scaled[0]));
        for (let y = 0; y < SIDE; y += 2) storeRows(scaled[0]);
        f.return();
      });
      for (const row of scaled.slice(1)) f.setVec(row, scaled[0]);
    },
    () => {
      for (let y = 1; y < SIDE; y++) f.setVec(scaled[y], i16x8.mul(rows[y], vec.load(quantization, ROW * y)));
      for (const [y, row] of pass(f, scaled, 1 << 10, 11).entries()) f.setVec(scaled[y], row);
    },
  );
  const samples = transposed(f, pass(f, transposed(f, scaled), 1 << 17, 18));
  for (let y = 0; y < SIDE; y += 2) storeRows(vec.narrowI16.signed(samples[y], samples[y + 1]));
}
