/** Operations on the integers of a `Vec`. They have no scalar twin: kernels of the int8 path exist for hosts with SIMD only. */

import { invariant } from "../../../errors.js";
import type { DotActivations } from "./code.js";
import { type I32Like, toI32, type Vec, WHOLE, writeMemoryOperands } from "./expression.js";
import { SIMD, simd, vecOf } from "./simd.js";

function simdOnly(opcode: number): (...operands: readonly Vec[]) => Vec {
  return (...operands) =>
    vecOf((out, lane) => {
      invariant(lane === WHOLE, "integer vectors need SIMD");
      for (const operand of operands) operand.write(out, lane);
      simd(out, opcode);
    });
}

const signedLow = simdOnly(0x87);
const signedHigh = simdOnly(0x88);
const unsignedLow = simdOnly(0x89);
const unsignedHigh = simdOnly(0x8a);
const dotI16 = simdOnly(0xba) as (a: Vec, b: Vec) => Vec;
const addI32 = simdOnly(0xae) as (a: Vec, b: Vec) => Vec;

/** Bytes of both vectors in another order: those of the second are 16 to 31. */
function shuffle(order: readonly number[]): (a: Vec, b: Vec) => Vec {
  return (a, b) =>
    vecOf((out, lane) => {
      invariant(lane === WHOLE, "integer vectors need SIMD");
      a.write(out, lane);
      b.write(out, lane);
      simd(out, 0x0d);
      out.bytes(order);
    });
}

const lanes = (...order: readonly number[]): number[] => order.flatMap((lane) => [0, 1, 2, 3].map((i) => 4 * lane + i));

const evenLanes = shuffle(lanes(0, 2, 4, 6));
const oddLanes = shuffle(lanes(1, 3, 5, 7));

/** What `dotI8` computes on an exact host, in instructions that every host has. */
function spelledDot(activations: DotActivations, weights: Vec, bytes: Vec, sum: Vec): Vec {
  const [low, high] = activations === "unsigned" ? [unsignedLow, unsignedHigh] : [signedLow, signedHigh];
  const first = dotI16(signedLow(weights), low(bytes));
  const second = dotI16(signedHigh(weights), high(bytes));
  return addI32(sum, addI32(evenLanes(first, second), oddLanes(first, second)));
}

/** What `vec` has of them. */
export const integers = {
  /** All lanes the same int32; SIMD only. */
  splatI32: (value: I32Like): Vec =>
    vecOf((out, lane) => {
      invariant(lane === WHOLE, "integer vectors need SIMD");
      toI32(value).write(out);
      simd(out, 0x11);
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
  /** Bytes of both in an order of one's own: those of the second are 16 to 31. */
  shuffle: (a: Vec, b: Vec, order: readonly number[]): Vec => shuffle(order)(a, b),
  /** The first eight bytes of both in turn. */
  interleaveBytes: shuffle([0, 1, 2, 3, 4, 5, 6, 7].flatMap((byte) => [byte, 16 + byte])),
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
  interleaveLow: shuffle(lanes(0, 4, 1, 5)),
  interleaveHigh: shuffle(lanes(2, 6, 3, 7)),
};
