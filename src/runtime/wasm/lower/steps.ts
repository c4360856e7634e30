/** What lowering gives: steps over symbolic addresses, constants to prepare, places of inputs. */

import type { Kernel } from "../../../kernels/wasm/index.js";
import type { ValueId } from "../../../ops/index.js";
import type { Address, Block } from "./blocks.js";
import type { Dense } from "./layout.js";

/** An argument word: a number, a float32, or an address known later. */
export type Argument = number | Address | { readonly float: number };

export interface Step {
  readonly kernel: Kernel;
  readonly args: Readonly<Record<string, Argument>>;
  readonly tiles: number;
  /** Index of the graph's node, −1 for layout conversions of inputs and outputs. */
  readonly node: number;
}

/** A constant that a kernel makes when the program is loaded, from what the host writes into the arena's memory. */
export interface Preparation {
  readonly step: Step;
  readonly bytes: number;
  readonly stage: (target: Float32Array) => void;
}

/** Where the host writes an input: dense, or planar with a border of zeros for a stem that needs no checks. */
export interface InputPlace {
  readonly dense?: Dense;
  readonly padded?: PaddedPlanes;
}

export interface PaddedPlanes {
  readonly block: Block;
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
  /** Compute quantized convolutions in integers. */
  readonly int8: boolean;
  /** Values to keep readable after the run. */
  readonly keep: ReadonlySet<ValueId>;
}
