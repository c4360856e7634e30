/** Operations on `Vec`: one SIMD instruction each, or its scalar twin for hosts without SIMD; integers have none (`integers.ts`). */

import {
  type F32,
  type F32Like,
  type I32Like,
  toF32,
  toI32,
  type Vec,
  WHOLE,
  writeMemoryOperands,
} from "./expression.js";
import { integers } from "./integers.js";
import { SIMD, simd, vecOf } from "./simd.js";

function unary(opcode: number, scalar: readonly number[]): (a: Vec) => Vec {
  return (a) =>
    vecOf((out, lane) => {
      a.write(out, lane);
      if (lane === WHOLE) simd(out, opcode);
      else out.bytes(scalar);
    });
}

function binary(opcode: number, scalar: number): (a: Vec, b: Vec) => Vec {
  return (a, b) =>
    vecOf((out, lane) => {
      a.write(out, lane);
      b.write(out, lane);
      if (lane === WHOLE) simd(out, opcode);
      else out.byte(scalar);
    });
}

/** pmin and pmax keep the first operand where either is NaN; `compare` is the scalar test that picks the second. */
function pick(opcode: number, compare: number): (a: Vec, b: Vec) => Vec {
  return (a, b) =>
    vecOf((out, lane) => {
      if (lane === WHOLE) {
        a.write(out, lane);
        b.write(out, lane);
        simd(out, opcode);
        return;
      }
      b.write(out, lane);
      a.write(out, lane);
      b.write(out, lane);
      a.write(out, lane);
      out.byte(compare, 0x1b);
    });
}

const add = binary(0xe4, 0x92);
const mul = binary(0xe6, 0x94);

/** Two lanes of each vector: a0 a1 b0 b1 for `from` 0, a2 a3 b2 b3 for 2. */
function halves(from: 0 | 2): (a: Vec, b: Vec) => Vec {
  return (a, b) =>
    vecOf((out, lane) => {
      if (lane !== WHOLE) {
        (lane < 2 ? a : b).write(out, from + (lane % 2));
        return;
      }
      a.write(out, lane);
      b.write(out, lane);
      simd(out, 0x0d);
      for (const side of [0, 16]) for (let byte = 0; byte < 8; byte++) out.byte(side + from * 4 + byte);
    });
}

/** Bits of a as integers, op, bits back. */
function integer(opcode: number, scalar: number): (a: Vec, b: Vec) => Vec {
  return (a, b) =>
    vecOf((out, lane) => {
      a.write(out, lane);
      if (lane !== WHOLE) out.byte(0xbc);
      b.write(out, lane);
      if (lane !== WHOLE) out.byte(0xbc, scalar, 0xbe);
      else simd(out, opcode);
    });
}

const addBits = integer(0xae, 0x6a);

export const vec = {
  /** All lanes the same number. */
  splat: (value: F32Like): Vec => {
    const scalar = toF32(value);
    return vecOf((out, lane) => {
      scalar.write(out);
      if (lane === WHOLE) simd(out, 0x13);
    });
  },
  /** Four consecutive float32; the address must be a plain local or constant, for it may be evaluated four times. */
  load: (address: I32Like, offset = 0): Vec => {
    const base = toI32(address);
    return vecOf((out, lane) => {
      base.write(out);
      if (lane === WHOLE) writeMemoryOperands(out, [SIMD, 0x00], 2, offset);
      else writeMemoryOperands(out, [0x2a], 2, offset + 4 * lane);
    });
  },
  /** One float32 in all lanes. */
  loadSplat: (address: I32Like, offset = 0): Vec => {
    const base = toI32(address);
    return vecOf((out, lane) => {
      base.write(out);
      if (lane === WHOLE) writeMemoryOperands(out, [SIMD, 0x09], 2, offset);
      else writeMemoryOperands(out, [0x2a], 2, offset);
    });
  },
  add,
  sub: binary(0xe5, 0x93),
  mul,
  div: binary(0xe7, 0x95),
  /** `b < a ? b : a`. */
  pmin: pick(0xea, 0x5d),
  /** `a < b ? b : a`. */
  pmax: pick(0xeb, 0x5e),
  abs: unary(0xe0, [0x8b]),
  neg: unary(0xe1, [0x8c]),
  sqrt: unary(0xe3, [0x91]),
  /** a × b + c: rounded once with relaxed SIMD on hosts with a fused instruction, else twice; always twice where `unfused`. */
  madd: (a: Vec, b: Vec, c: Vec): Vec => {
    const plain = add(c, mul(a, b));
    return vecOf((out, lane) => {
      if (lane !== WHOLE || !out.target.relaxed || out.target.unfused) {
        plain.write(out, lane);
        return;
      }
      a.write(out, lane);
      b.write(out, lane);
      c.write(out, lane);
      simd(out, 0x105);
    });
  },
  /** Sum of the lanes' bit patterns as integers. */
  addBits,
  andBits: integer(0x4e, 0x71),
  orBits: integer(0x50, 0x72),
  /** The lanes' bit patterns moved left. */
  shiftBitsLeft: (a: Vec, count: number): Vec =>
    vecOf((out, lane) => {
      a.write(out, lane);
      if (lane !== WHOLE) out.byte(0xbc);
      out.byte(0x41).signed(count);
      if (lane !== WHOLE) out.byte(0x74, 0xbe);
      else simd(out, 0xab);
    }),
  /** Sign of b on the magnitude of a. */
  copySign: (a: Vec, b: Vec): Vec =>
    vecOf((out, lane) => {
      if (lane !== WHOLE) {
        a.write(out, lane);
        b.write(out, lane);
        out.byte(0x98);
        return;
      }
      a.write(out, lane);
      b.write(out, lane);
      // bitselect(a, b, mask of everything but the sign)
      out.byte(0x41).signed(0x7fffffff);
      simd(out, 0x11);
      simd(out, 0x52);
    }),
  ...integers,
  lowHalves: halves(0),
  highHalves: halves(2),
  /** One lane as a scalar. */
  lane: (a: Vec, index: number): F32 => ({
    type: "f32",
    write: (out) => {
      if (!out.target.simd) {
        a.write(out, index);
        return;
      }
      a.write(out, WHOLE);
      simd(out, 0x1f);
      out.byte(index);
    },
  }),
};
