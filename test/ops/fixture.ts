/** cases.json: ops, folded BatchNorm and half floats as PyTorch computes them (made by fixtures/ops/make.py). */

import { readFileSync } from "node:fs";
import type { OpAttributes, OpType } from "../../src/ops/index.js";
import { type HostTensor, tensor } from "../../src/tensor/index.js";

/** Little-endian numbers: float32 for inputs, float64 for answers. */
export interface Packed {
  readonly shape: readonly number[];
  readonly base64: string;
}

export interface OpCase {
  readonly op: OpType;
  readonly name: string;
  readonly attrs: OpAttributes[OpType];
  readonly inputs: readonly Packed[];
  readonly answer: Packed;
}

export interface FoldCase {
  readonly name: string;
  readonly transposed: boolean;
  readonly groups: number;
  readonly eps: number;
  readonly x: Packed;
  readonly weight: Packed;
  readonly bias?: Packed;
  readonly gamma: Packed;
  readonly beta: Packed;
  readonly mean: Packed;
  readonly var: Packed;
  readonly foldedWeight: Packed;
  readonly foldedBias: Packed;
  readonly answer: Packed;
}

export interface OpFixture {
  readonly cases: readonly OpCase[];
  readonly folds: readonly FoldCase[];
  /** Bit patterns. */
  readonly halves: Readonly<Record<"float32" | "float16" | "bfloat16" | "bfloat16AsFloat32", readonly number[]>>;
}

export function readOpFixture(): OpFixture {
  return JSON.parse(readFileSync(new URL("../fixtures/ops/cases.json", import.meta.url), "utf8")) as OpFixture;
}

function bytesOf(base64: string): ArrayBuffer {
  return new Uint8Array(Buffer.from(base64, "base64")).buffer;
}

export function float32Of({ shape, base64 }: Packed): HostTensor<"float32"> {
  return tensor("float32", shape, new Float32Array(bytesOf(base64)));
}

/** Inputs are float32 numbers, answers float64: the length tells. */
export function float64Of({ shape, base64 }: Packed): HostTensor<"float64"> {
  const buffer = bytesOf(base64);
  const count = shape.reduce((product, d) => product * d, 1);
  const data = buffer.byteLength === count * 8 ? new Float64Array(buffer) : new Float64Array(new Float32Array(buffer));
  return tensor("float64", shape, data);
}

/** Largest |actual − expected| ÷ max(1, |expected|); infinities must be equal. */
export function worstError(actual: HostTensor, expected: HostTensor): number {
  let worst = 0;
  for (let i = 0; i < expected.data.length; i++) {
    const a = Number(actual.data[i]);
    const e = Number(expected.data[i]);
    const error = a === e ? 0 : Math.abs(a - e) / Math.max(1, Math.abs(e));
    if (!(error <= worst)) worst = error;
  }
  return worst;
}
