/** The result of lowering: dispatches over tensors in storages; and what memory planning adds. */

import { type KernelCall, type Stored, storedBytes } from "../../../kernels/wgsl/index.js";
import type { Node, ValueId } from "../../../ops/index.js";
import type { HostTensor } from "../../../tensor/index.js";
import type { Segments } from "../../channels.js";

/** Memory of one or more tensors: contiguous and aligned, live from the first dispatch that touches it to the last. */
export interface Storage {
  readonly id: number;
  bytes: number;
  first: number;
  last: number;
}

/** Pictures in C4NHW4 (`kernel.ts`). */
export interface BlockedTensor {
  readonly kind: "blocked";
  readonly stored: Stored;
  readonly segments: Segments;
  readonly storage: Storage;
  readonly byteOffset: number;
}

/** Row-major floats of any rank. */
export interface DenseTensor {
  readonly kind: "dense";
  readonly elements: number;
  readonly storage: Storage;
  readonly byteOffset: number;
}

export type Tensor = BlockedTensor | DenseTensor;

/** Data that does not change between runs: packed weights, channel tables. */
export interface Constant {
  readonly kind: "constant";
  /** Host tensors that the bytes are made from; with `key` they identify the upload. Empty for tables. */
  readonly sources: readonly HostTensor[];
  readonly key: string;
  readonly build: () => Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;
}

export type Operand = Tensor | Constant;

export interface Step {
  readonly node: Pick<Node, "name" | "type">;
  readonly call: KernelCall;
  /** One per binding of the kernel, except `params`. */
  readonly operands: readonly Operand[];
  /** The node's flops, at the one of its steps that does the work. */
  flops: number;
  readonly isCopy: boolean;
}

/** One level of a detect node. */
interface DetectMap {
  /** Maps and tables, in the order of the kernel's first bindings. */
  readonly operands: readonly (BlockedTensor | Constant)[];
  /** The kernel that finds the level's candidates: at most `capacity` a picture, with scores above `threshold`. */
  readonly candidates: (capacity: number, threshold: number) => KernelCall;
}

/** The detect node of a graph, for runs that want its candidates only: they leave its steps out. */
export interface DetectPlan {
  /** The node's output, which nothing in the graph reads. */
  readonly output: ValueId;
  /** Of the output: [pictures, rows, columns]. */
  readonly pictures: number;
  readonly rows: number;
  readonly columns: number;
  readonly maps: readonly DetectMap[];
  /** Its steps are [firstStep, endStep) of the plan. */
  readonly firstStep: number;
  readonly endStep: number;
}

export interface Plan {
  readonly steps: readonly Step[];
  readonly storages: readonly Storage[];
  /** Uploads before the pass, in the order of the graph's inputs. */
  readonly inputs: readonly DenseTensor[];
  readonly outputs: readonly DenseTensor[];
  /** Absent for graphs without a head, or if its rows are used for anything but an output. */
  readonly detect?: DetectPlan | undefined;
  /** Where each kept tap can be read. */
  readonly kept: ReadonlyMap<ValueId, Tensor>;
}

/** Bytes that a tensor occupies. */
export function tensorBytes(t: Tensor): number {
  if (t.kind === "blocked") return storedBytes(t.stored);
  return Math.ceil(t.elements / 4) * 16;
}
