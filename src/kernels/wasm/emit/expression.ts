/**
 * Typed expressions of WebAssembly. An expression writes its instructions when a function uses it.
 *
 * `Vec` is four float32 lanes. With SIMD it is one v128 value; without, it is written lane by lane, so that one
 * kernel source serves both. A vector expression must therefore have no side effects: it may be written four times.
 */

import type { Code } from "./code.js";

export interface I32 {
  readonly type: "i32";
  readonly write: (out: Code) => void;
}

export interface I64 {
  readonly type: "i64";
  readonly write: (out: Code) => void;
}

export interface F32 {
  readonly type: "f32";
  readonly write: (out: Code) => void;
}

/** Lane of a vector to write: `WHOLE` for the v128, 0–3 for one float32 of the scalar build. */
export const WHOLE = -1;

export interface Vec {
  readonly type: "vec";
  readonly write: (out: Code, lane: number) => void;
}

/** A number stands for its constant. */
export type I32Like = I32 | number;
export type F32Like = F32 | number;

export const toI32 = (value: I32Like): I32 => (typeof value === "number" ? i32.const(value) : value);
export const toF32 = (value: F32Like): F32 => (typeof value === "number" ? f32.const(value) : value);

function i32Of(write: (out: Code) => void): I32 {
  return { type: "i32", write };
}

function binaryI32(opcode: number): (a: I32Like, b: I32Like) => I32 {
  return (a, b) => {
    const [left, right] = [toI32(a), toI32(b)];
    return i32Of((out) => {
      left.write(out);
      right.write(out);
      out.byte(opcode);
    });
  };
}

function memory(out: Code, opcode: readonly number[], align: number, offset: number): void {
  out.bytes(opcode).unsigned(align).unsigned(offset);
}

export const i32 = {
  const: (value: number): I32 => i32Of((out) => out.byte(0x41).signed(value)),
  load: (address: I32Like, offset = 0): I32 => {
    const base = toI32(address);
    return i32Of((out) => {
      base.write(out);
      memory(out, [0x28], 2, offset);
    });
  },
  atomicLoad: (address: I32, offset = 0): I32 =>
    i32Of((out) => {
      address.write(out);
      memory(out, [0xfe, 0x10], 2, offset);
    }),
  /** Adds and gives the old value. */
  atomicAdd: (address: I32, value: I32Like, offset = 0): I32 =>
    i32Of((out) => {
      address.write(out);
      toI32(value).write(out);
      memory(out, [0xfe, 0x1e], 2, offset);
    }),
  /** Sleeps while the word holds `expected`, `timeout` nanoseconds at most: 0 woken, 1 not equal, 2 timed out. */
  atomicWait: (address: I32, expected: I32Like, timeout: bigint): I32 =>
    i32Of((out) => {
      address.write(out);
      toI32(expected).write(out);
      out.byte(0x42).signed64(timeout);
      memory(out, [0xfe, 0x01], 2, 0);
    }),
  atomicNotify: (address: I32, count: I32Like): I32 =>
    i32Of((out) => {
      address.write(out);
      toI32(count).write(out);
      memory(out, [0xfe, 0x00], 2, 0);
    }),
  add: binaryI32(0x6a),
  sub: binaryI32(0x6b),
  mul: binaryI32(0x6c),
  divU: binaryI32(0x6e),
  remU: binaryI32(0x70),
  and: binaryI32(0x71),
  or: binaryI32(0x72),
  shl: binaryI32(0x74),
  shrU: binaryI32(0x76),
  eq: binaryI32(0x46),
  ne: binaryI32(0x47),
  ltS: binaryI32(0x48),
  ltU: binaryI32(0x49),
  gtS: binaryI32(0x4a),
  leS: binaryI32(0x4c),
  geS: binaryI32(0x4e),
  geU: binaryI32(0x4f),
  eqz: (value: I32): I32 =>
    i32Of((out) => {
      value.write(out);
      out.byte(0x45);
    }),
  /** `condition ? a : b`, both evaluated. */
  select: (condition: I32, a: I32Like, b: I32Like): I32 =>
    i32Of((out) => {
      toI32(a).write(out);
      toI32(b).write(out);
      condition.write(out);
      out.byte(0x1b);
    }),
  /** Low half of a 64-bit number. */
  wrap: (value: I64): I32 =>
    i32Of((out) => {
      value.write(out);
      out.byte(0xa7);
    }),
  fromF32: (value: F32): I32 =>
    i32Of((out) => {
      value.write(out);
      out.byte(0xfc, 0x00);
    }),
};

const i64Of = (write: (out: Code) => void): I64 => ({ type: "i64", write });

export const i64 = {
  const: (value: bigint): I64 => i64Of((out) => out.byte(0x42).signed64(value)),
  add: (a: I64, b: I64): I64 =>
    i64Of((out) => {
      a.write(out);
      b.write(out);
      out.byte(0x7c);
    }),
  shrU: (a: I64, b: I64): I64 =>
    i64Of((out) => {
      a.write(out);
      b.write(out);
      out.byte(0x88);
    }),
  atomicLoad: (address: I32, offset = 0): I64 =>
    i64Of((out) => {
      address.write(out);
      memory(out, [0xfe, 0x11], 3, offset);
    }),
  /** Writes `next` where the word holds `expected`; gives what it held. */
  compareExchange: (address: I32, expected: I64, next: I64): I64 =>
    i64Of((out) => {
      address.write(out);
      expected.write(out);
      next.write(out);
      memory(out, [0xfe, 0x49], 3, 0);
    }),
  eq: (a: I64, b: I64): I32 =>
    i32Of((out) => {
      a.write(out);
      b.write(out);
      out.byte(0x51);
    }),
};

function f32Of(write: (out: Code) => void): F32 {
  return { type: "f32", write };
}

function binaryF32(opcode: number): (a: F32Like, b: F32Like) => F32 {
  return (a, b) => {
    const [left, right] = [toF32(a), toF32(b)];
    return f32Of((out) => {
      left.write(out);
      right.write(out);
      out.byte(opcode);
    });
  };
}

export const f32 = {
  const: (value: number): F32 => f32Of((out) => out.byte(0x43).float32(value)),
  load: (address: I32Like, offset = 0): F32 => {
    const base = toI32(address);
    return f32Of((out) => {
      base.write(out);
      memory(out, [0x2a], 2, offset);
    });
  },
  add: binaryF32(0x92),
  sub: binaryF32(0x93),
  mul: binaryF32(0x94),
  div: binaryF32(0x95),
  max: binaryF32(0x97),
  sqrt: (value: F32): F32 =>
    f32Of((out) => {
      value.write(out);
      out.byte(0x91);
    }),
  /** Value of an unsigned integer. */
  fromI32: (value: I32): F32 =>
    f32Of((out) => {
      value.write(out);
      out.byte(0xb3);
    }),
};

/** Writes an address and a memory instruction; `lane` moves the offset in the scalar build. */
export { memory as writeMemoryOperands };
