/** Operations on `Vec`: one SIMD instruction each, or its scalar twin for hosts without SIMD. */

import { invariant } from "../../../errors.js";
import type { Code, DotActivations } from "./code.js";
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

const SIMD = 0xfd;

const vecOf = (write: (out: Code, lane: number) => void): Vec => ({ type: "vec", write });

/** Opcodes of SIMD follow their prefix as LEB128. */
function simd(out: Code, opcode: number): void {
  out.byte(SIMD).unsigned(opcode);
}

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

/** Integer instructions without a scalar twin: kernels of the int8 path exist for hosts with SIMD only. */
function simdOnly(opcode: number): (...operands: readonly Vec[]) => Vec {
  return (...operands) =>
    vecOf((out, lane) => {
      invariant(lane === WHOLE, "integer vectors need SIMD");
      for (const operand of operands) operand.write(out, lane);
      simd(out, opcode);
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

const signedLow = simdOnly(0x87);
const signedHigh = simdOnly(0x88);
const unsignedLow = simdOnly(0x89);
const unsignedHigh = simdOnly(0x8a);
const dotI16 = simdOnly(0xba) as (a: Vec, b: Vec) => Vec;
const addBits = integer(0xae, 0x6a);

/** Every other lane of both vectors: a0 a2 b0 b2, or a1 a3 b1 b3. */
function everyOther(from: 0 | 1): (a: Vec, b: Vec) => Vec {
  return (a, b) =>
    vecOf((out) => {
      a.write(out, WHOLE);
      b.write(out, WHOLE);
      simd(out, 0x0d);
      for (const lane of [0, 2, 4, 6]) for (let byte = 0; byte < 4; byte++) out.byte((lane + from) * 4 + byte);
    });
}
/** Two lanes of each vector in turn, from `from` on. */
function interleave(from: 0 | 2): (a: Vec, b: Vec) => Vec {
  return (a, b) =>
    vecOf((out, lane) => {
      invariant(lane === WHOLE, "integer vectors need SIMD");
      a.write(out, lane);
      b.write(out, lane);
      simd(out, 0x0d);
      for (const first of [from, from + 4, from + 1, from + 5]) {
        for (let byte = 0; byte < 4; byte++) out.byte(first * 4 + byte);
      }
    });
}
/** The first eight bytes of both in turn. */
function interleaveBytes(a: Vec, b: Vec): Vec {
  return vecOf((out, lane) => {
    invariant(lane === WHOLE, "integer vectors need SIMD");
    a.write(out, lane);
    b.write(out, lane);
    simd(out, 0x0d);
    for (let byte = 0; byte < 8; byte++) out.byte(byte, 16 + byte);
  });
}
const evenLanes = everyOther(0);
const oddLanes = everyOther(1);

/** What `dotI8` computes on an exact host, in instructions that every host has. */
function spelledDot(activations: DotActivations, weights: Vec, bytes: Vec, sum: Vec): Vec {
  const [low, high] = activations === "unsigned" ? [unsignedLow, unsignedHigh] : [signedLow, signedHigh];
  const first = dotI16(signedLow(weights), low(bytes));
  const second = dotI16(signedHigh(weights), high(bytes));
  return addBits(sum, addBits(evenLanes(first, second), oddLanes(first, second)));
}

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
  /** All lanes the same int32; SIMD only. */
  splatI32: (value: I32Like): Vec =>
    vecOf((out, lane) => {
      invariant(lane === WHOLE, "integer vectors need SIMD");
      toI32(value).write(out);
      simd(out, 0x11);
    }),
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
  /** Eight products of int16 lanes, neighbours added: four int32. */
  dotI16,
  /**
   * Sixteen products of bytes, four neighbours added, plus four int32: relaxed SIMD's dot product. `weights` are signed; how
   * `bytes` are read, and whether sums of large numbers are right, differs by host: `features.ts` finds out.
   */
  dotI8: (weights: Vec, bytes: Vec, sum: Vec): Vec =>
    vecOf((out, lane) => {
      invariant(lane === WHOLE && out.target.relaxed, "int8 dot products need relaxed SIMD");
      if (out.target.spelledDot) {
        spelledDot(out.target.spelledDot, weights, bytes, sum).write(out, lane);
        return;
      }
      weights.write(out, lane);
      bytes.write(out, lane);
      sum.write(out, lane);
      simd(out, 0x113);
    }),
  /** Four bytes, and zeros; SIMD only. */
  loadBytes: (address: I32Like): Vec =>
    vecOf((out, lane) => {
      invariant(lane === WHOLE, "integer vectors need SIMD");
      toI32(address).write(out);
      writeMemoryOperands(out, [SIMD, 0x5c], 2, 0);
    }),
  interleaveBytes,
  /** The first eight bytes as int16, the first four int16 as int32, both unsigned. */
  widenBytes: unsignedLow as (a: Vec) => Vec,
  widenI16: simdOnly(0xa9) as (a: Vec) => Vec,
  mulI32: simdOnly(0xb5) as (a: Vec, b: Vec) => Vec,
  /** int32 lanes moved right, with their sign; SIMD only. */
  shiftRight: (a: Vec, count: number): Vec =>
    vecOf((out, lane) => {
      invariant(lane === WHOLE, "integer vectors need SIMD");
      a.write(out, lane);
      out.byte(0x41).signed(count);
      simd(out, 0xac);
    }),
  addI16: simdOnly(0x8e) as (a: Vec, b: Vec) => Vec,
  subI16: simdOnly(0x91) as (a: Vec, b: Vec) => Vec,
  /** Difference of int32 lanes. */
  subI32: simdOnly(0xb1) as (a: Vec, b: Vec) => Vec,
  /** int32 lanes as float32. */
  fromI32: simdOnly(0xfa) as (a: Vec) => Vec,
  /** Eight int32 as int16, saturated. */
  narrowI32: simdOnly(0x85) as (a: Vec, b: Vec) => Vec,
  /** The larger of each pair of lanes: int16, or bytes. */
  maxIntegers: { int16: simdOnly(0x98), unsigned: simdOnly(0x79), signed: simdOnly(0x78) } as Readonly<
    Record<DotActivations | "int16", (a: Vec, b: Vec) => Vec>
  >,
  /** Sixteen int16 as bytes, saturated. */
  narrowI16: { unsigned: simdOnly(0x66), signed: simdOnly(0x65) } as Readonly<
    Record<DotActivations, (a: Vec, b: Vec) => Vec>
  >,
  /** Lanes of both in turn: a0 b0 a1 b1, or a2 b2 a3 b3; SIMD only. */
  interleaveLow: interleave(0),
  interleaveHigh: interleave(2),
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
