/** What lowering gives: steps over symbolic addresses, constants to prepare, places of inputs. */

import type { IntegerFormat, Kernel } from "../../../kernels/wasm/index.js";
import type { ValueId } from "../../../ops/index.js";
import type { Dense } from "./layout.js";
import type { Address, Storage } from "./storages.js";

/** An argument word: a number, a float32, or an address known later. */
export type Argument = number | Address | { readonly float: number };

export interface Step {
  readonly kernel: Kernel;
  readonly args: Readonly<Record<string, Argument>>;
  readonly tiles: number;
  /** Index of the graph's node, −1 for layout conversions of inputs and outputs. */
  readonly node: number;
}

/**
 * Data that does not change between runs: packed weights, tables of the kernels. One that several plans of a model can use is
 * packed once for all of them.
 */
export interface Constant {
  readonly storage: Storage;
  /** Says, with what it is made of, which constants are the same. */
  readonly key: string;
  /** Tensors and other objects that live as long as the model does. */
  readonly sources: readonly object[];
  readonly making: Making;
}

/** The host writes a constant itself, or what a kernel then makes it from. */
export type Making =
  | { readonly fill: (target: Float32Array) => void; readonly prepare?: undefined }
  | { readonly prepare: Preparation; readonly fill?: undefined };

/** A kernel that makes a constant, once, of what the host writes into the workspace. */
export interface Preparation {
  readonly step: Step;
  readonly stagedBytes: number;
  readonly stage: (target: Float32Array) => void;
}

/** Where the host writes an input: dense, or planar with a border of zeros for a stem that needs no checks. */
export interface InputPlace {
  readonly dense?: Dense;
  readonly padded?: PaddedPlanes;
}

export interface PaddedPlanes {
  readonly storage: Storage;
  readonly n: number;
  readonly c: number;
  readonly h: number;
  readonly w: number;
  readonly padding: readonly [y: number, x: number];
  /** Floats of a row and of a plane, borders included. */
  readonly row: number;
  readonly plane: number;
}

export interface LoweringOptions {
  readonly threads: number;
  /** Compute quantized convolutions in integers, of this format; undefined for float32. */
  readonly int8: IntegerFormat | undefined;
  /** Values to keep readable after the run. */
  readonly keep: ReadonlySet<ValueId>;
}
