/** Instructions that only the JPEG encoder needs: float64 pairs, 64-bit words, single bytes. SIMD only. */

import type { Code } from "../../src/kernels/wasm/emit/code.js";
import {
  type I32,
  type I32Like,
  type I64,
  toI32,
  type Vec,
  WHOLE,
  writeMemoryOperands,
} from "../../src/kernels/wasm/emit/expression.js";
import { simd, vecOf } from "../../src/kernels/wasm/emit/simd.js";

const lanes =
  (opcode: number) =>
  (...operands: readonly Vec[]): Vec =>
    vecOf((out) => {
      for (const operand of operands) operand.write(out, WHOLE);
      simd(out, opcode);
    });

/** A vector's 16 bytes. */
const constant = (bytes: Uint8Array): Vec =>
  vecOf((out) => {
    simd(out, 0x0c);
    out.bytes([...bytes]);
  });

/** Two float64. */
export const f64x2 = {
  const: (value: number): Vec => constant(new Uint8Array(Float64Array.of(value, value).buffer)),
  add: lanes(0xf0) as (a: Vec, b: Vec) => Vec,
  sub: lanes(0xf1) as (a: Vec, b: Vec) => Vec,
  mul: lanes(0xf2) as (a: Vec, b: Vec) => Vec,
  /** The first two int32. */
  fromI32: lanes(0xfe) as (a: Vec) => Vec,
  /** Towards zero, as two int32 and zeros. */
  toI32: lanes(0xfc) as (a: Vec) => Vec,
};

export const bits = {
  const: (value: bigint): Vec => constant(new Uint8Array(BigUint64Array.of(value, value).buffer)),
  and: lanes(0x4e) as (a: Vec, b: Vec) => Vec,
  or: lanes(0x50) as (a: Vec, b: Vec) => Vec,
};

const i32Of = (write: (out: Code) => void): I32 => ({ type: "i32", write });
const i64Of = (write: (out: Code) => void): I64 => ({ type: "i64", write });

/** Lane of four int32. */
export const laneOf = (vector: Vec, lane: number): I32 =>
  i32Of((out) => {
    vector.write(out, WHOLE);
    simd(out, 0x1b);
    out.byte(lane);
  });

/** A bit for each of sixteen bytes that is not zero. */
export const nonZeroBytes = (vector: Vec): I32 =>
  i32Of((out) => {
    vector.write(out, WHOLE);
    zero.write(out, WHOLE);
    simd(out, 0x24);
    simd(out, 0x64);
  });

export const zero: Vec = constant(new Uint8Array(16));

/** Sixteen bytes from any address. */
export const loadVector = (address: I32, offset: number): Vec =>
  vecOf((out) => {
    address.write(out);
    writeMemoryOperands(out, [0xfd, 0x00], 0, offset);
  });

export const leadingZeros = (value: I32): I32 =>
  i32Of((out) => {
    value.write(out);
    out.byte(0x67);
  });

export const xor = (a: I32, b: I32Like): I32 => binary(0x73, a, b);
export const shiftRightSigned = (a: I32, b: I32Like): I32 => binary(0x75, a, b);
export const rotateLeft = (a: I32, b: I32Like): I32 => binary(0x77, a, b);

function binary(opcode: number, a: I32, b: I32Like): I32 {
  return i32Of((out) => {
    a.write(out);
    toI32(b).write(out);
    out.byte(opcode);
  });
}

/** Stores the lowest byte; an effect, with the value 0. */
export const storeByte = (address: I32, value: I32): I32 =>
  i32Of((out) => {
    address.write(out);
    value.write(out);
    writeMemoryOperands(out, [0x3a], 0, 0);
    out.byte(0x41).signed(0);
  });

export const word = {
  load: (address: I32, offset: number): I64 =>
    i64Of((out) => {
      address.write(out);
      writeMemoryOperands(out, [0x29], 3, offset);
    }),
  /** An effect, with the value 0. */
  store: (address: I32, value: I64, offset: number): I32 =>
    i32Of((out) => {
      address.write(out);
      value.write(out);
      writeMemoryOperands(out, [0x37], 3, offset);
      out.byte(0x41).signed(0);
    }),
  /** Unsigned. */
  fromI32: (value: I32Like): I64 =>
    i64Of((out) => {
      toI32(value).write(out);
      out.byte(0xad);
    }),
  isZero: (value: I64): I32 =>
    i32Of((out) => {
      value.write(out);
      out.byte(0x50);
    }),
  trailingZeros: (value: I64): I64 =>
    i64Of((out) => {
      value.write(out);
      out.byte(0x7a);
    }),
  and: (a: I64, b: I64): I64 => binary64(0x83, a, b),
  or: (a: I64, b: I64): I64 => binary64(0x84, a, b),
  shl: (a: I64, b: I64): I64 => binary64(0x86, a, b),
};

function binary64(opcode: number, a: I64, b: I64): I64 {
  return i64Of((out) => {
    a.write(out);
    b.write(out);
    out.byte(opcode);
  });
}
