/** Instructions that only the JPEG encoder and decoder need: float64 pairs, int16, 64-bit words, single bytes. SIMD only. */

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
import { vec } from "../../src/kernels/wasm/emit/vector.js";

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

const eights = (...values: readonly number[]): Vec =>
  constant(new Uint8Array(Int16Array.from({ length: 8 }, (_, i) => values[i % values.length]).buffer));

const shifted =
  (opcode: number) =>
  (value: Vec, count: number): Vec =>
    vecOf((out) => {
      value.write(out, WHOLE);
      out.byte(0x41).signed(count);
      simd(out, opcode);
    });

const shuffled = (a: Vec, b: Vec, ...order: readonly number[]): Vec =>
  vec.shuffle(
    a,
    b,
    order.flatMap((lane) => [2 * lane, 2 * lane + 1]),
  );

/** Eight int16. */
export const i16x8 = {
  /** The values given, over and over. */
  const: eights,
  splat: (value: I32): Vec =>
    vecOf((out) => {
      value.write(out);
      simd(out, 0x10);
    }),
  add: lanes(0x8e) as (a: Vec, b: Vec) => Vec,
  addSaturated: lanes(0x8f) as (a: Vec, b: Vec) => Vec,
  sub: lanes(0x91) as (a: Vec, b: Vec) => Vec,
  mul: lanes(0x95) as (a: Vec, b: Vec) => Vec,
  shl: shifted(0x8b),
  shrS: shifted(0x8c),
  shrU: shifted(0x8d),
  /** The low or high half of sixteen bytes, unsigned. */
  fromLowBytes: lanes(0x89) as (a: Vec) => Vec,
  fromHighBytes: lanes(0x8a) as (a: Vec) => Vec,
  /** Lanes of both in turn. */
  interleaveLow: (a: Vec, b: Vec): Vec => shuffled(a, b, 0, 8, 1, 9, 2, 10, 3, 11),
  interleaveHigh: (a: Vec, b: Vec): Vec => shuffled(a, b, 4, 12, 5, 13, 6, 14, 7, 15),
  /** The first lane in all. */
  splatFirst: (a: Vec): Vec => shuffled(a, a, 0, 0, 0, 0, 0, 0, 0, 0),
};

export const bytes16 = {
  const: (value: number): Vec => constant(new Uint8Array(16).fill(value)),
  equal: lanes(0x23) as (a: Vec, b: Vec) => Vec,
  xor: lanes(0x51) as (a: Vec, b: Vec) => Vec,
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

/** Whether any bit is set. */
export const anyTrue = (vector: Vec): I32 =>
  i32Of((out) => {
    vector.write(out, WHOLE);
    simd(out, 0x53);
  });

/** The top bit of each byte. */
export const topBits = (vector: Vec): I32 =>
  i32Of((out) => {
    vector.write(out, WHOLE);
    simd(out, 0x64);
  });

export const zero: Vec = constant(new Uint8Array(16));

/** Sixteen bytes from any address. */
export const loadVector = (address: I32, offset: number): Vec =>
  vecOf((out) => {
    address.write(out);
    writeMemoryOperands(out, [0xfd, 0x00], 0, offset);
  });

/** Eight bytes from any address, and zeros. */
export const loadEight = (address: I32, offset: number): Vec =>
  vecOf((out) => {
    address.write(out);
    writeMemoryOperands(out, [0xfd, 0x5d], 0, offset);
  });

/** An unsigned byte, or two. */
export const loadByte = (address: I32, offset = 0): I32 =>
  i32Of((out) => {
    address.write(out);
    writeMemoryOperands(out, [0x2d], 0, offset);
  });
export const loadHalf = (address: I32, offset = 0): I32 =>
  i32Of((out) => {
    address.write(out);
    writeMemoryOperands(out, [0x2f], 0, offset);
  });

export const trailingZeros = (value: I32): I32 =>
  i32Of((out) => {
    value.write(out);
    out.byte(0x68);
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

/** Stores the lowest two bytes; an effect, with the value 0. */
export const storeHalf = (address: I32, value: I32, offset = 0): I32 =>
  i32Of((out) => {
    address.write(out);
    value.write(out);
    writeMemoryOperands(out, [0x3b], 0, offset);
    out.byte(0x41).signed(0);
  });

/** Stores the first or second eight bytes; an effect, with the value 0. */
export const storeEight = (address: I32, vector: Vec, lane: 0 | 1, offset = 0): I32 =>
  i32Of((out) => {
    address.write(out);
    vector.write(out, WHOLE);
    writeMemoryOperands(out, [0xfd, 0x5b], 0, offset);
    out.byte(lane);
    out.byte(0x41).signed(0);
  });

const LAST_FIRST = [7, 6, 5, 4, 3, 2, 1, 0, 16, 16, 16, 16, 16, 16, 16, 16];

export const word = {
  /** Eight bytes, the first on top. */
  loadSwapped: (address: I32): I64 =>
    i64Of((out) => {
      vec.shuffle(loadEight(address, 0), zero, LAST_FIRST).write(out, WHOLE);
      simd(out, 0x1d);
      out.byte(0);
    }),
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
  shrS: (a: I64, b: I64): I64 => binary64(0x87, a, b),
};

function binary64(opcode: number, a: I64, b: I64): I64 {
  return i64Of((out) => {
    a.write(out);
    b.write(out);
    out.byte(opcode);
  });
}
