/** Writes steps over symbolic addresses, and the memory that they work on: constants, activations, tables. */

import { LimitError } from "../../../errors.js";
import { type CopyField, copy, type Kernel } from "../../../kernels/wasm/index.js";
import { elementCount } from "../../../tensor/index.js";
import type { Argument, Constant, Making, Step } from "./steps.js";
import { type Address, createStorage, type Storage } from "./storages.js";

/** Far beyond what the largest released network, of 538 operations, takes. */
const MAX_STEPS = 100_000;

export class StepWriter {
  readonly steps: Step[] = [];
  readonly arena: Storage[] = [];
  readonly constants: Constant[] = [];
  /** What only these steps read, written with them. */
  readonly tables: { readonly storage: Storage; readonly words: Int32Array }[] = [];
  /** Where preparations find what the host wrote: the workspace, which is free then. */
  readonly staging: Storage = createStorage("workspace", 0);
  /** Largest scratch memory that a kernel asked for. */
  scratchBytes = 64;
  /** Floats of the page of zeros. */
  zeroFloats = 64;
  readonly zeros: Storage = createStorage("weights", 0);
  private readonly made = new Map<string, unknown>();
  private node = -1;

  /** Steps that follow belong to this node. */
  enter(node: number): void {
    this.node = node;
  }

  step<Field extends string>(kernel: Kernel<Field>, args: Readonly<Record<Field, Argument>>, tiles: number): void {
    const index = this.steps.length;
    for (const value of Object.values<Argument>(args)) {
      if (typeof value === "object" && "storage" in value) {
        value.storage.first = Math.min(value.storage.first, index);
        value.storage.last = Math.max(value.storage.last, index);
      }
    }
    if (this.steps.length >= MAX_STEPS) {
      throw new LimitError(`wasm: the model needs more than ${MAX_STEPS} kernel calls; it is damaged or hostile`);
    }
    this.steps.push({ kernel, args, tiles, node: this.node });
  }

  /** Activation memory. */
  allocate(bytes: number): Storage {
    const storage = createStorage("workspace", bytes);
    this.arena.push(storage);
    return storage;
  }

  /**
   * Memory that keeps what `fill` writes when the first plan of a model needs it.
   * @param key says how it is made of the sources: plans that ask for the same share it
   */
  constant(key: string, sources: readonly object[], floats: number, fill: (target: Float32Array) => void): Address {
    return this.kept(key, sources, floats, () => ({ fill }));
  }

  /** As `constant`, for what a kernel makes of `stagedFloats` that `stage` writes. */
  prepared(
    key: string,
    sources: readonly object[],
    floats: number,
    stagedFloats: number,
    stage: (target: Float32Array) => void,
    step: (staged: Address, out: Address) => Omit<Step, "node">,
  ): Address {
    const staged = { storage: this.staging, offset: 0 };
    return this.kept(key, sources, floats, (out) => ({
      prepare: { step: { ...step(staged, out), node: -1 }, stagedBytes: stagedFloats * 4, stage },
    }));
  }

  private kept(key: string, sources: readonly object[], floats: number, make: (at: Address) => Making): Address {
    const storage = createStorage("weights", floats * 4);
    const address = { storage, offset: 0 };
    this.constants.push({ storage, key, sources, making: make(address) });
    return address;
  }

  /** What several nodes can use, made by the first; the key tells its type. */
  shared<T>(key: string, make: () => T): T {
    if (!this.made.has(key)) this.made.set(key, make());
    return this.made.get(key) as T;
  }

  /** Words for kernels' tables. */
  table(words: ArrayLike<number>): Address {
    const storage = createStorage("plan", words.length * 4);
    this.tables.push({ storage, words: Int32Array.from(words) });
    return { storage, offset: 0 };
  }

  /** Address of at least `floats` zeros. */
  zeroPage(floats: number): Address {
    this.zeroFloats = Math.max(this.zeroFloats, floats);
    return { storage: this.zeros, offset: 0 };
  }

  /** Strided copy; strides in bytes, the innermost dimension last. */
  copy(x: Address, out: Address, counts: readonly number[], from: readonly number[], to: readonly number[]): void {
    if (elementCount(counts) === 0) return;
    const args: Partial<Record<CopyField, Argument>> = { x, out };
    for (const i of [0, 1, 2, 3, 4, 5] as const) {
      args[`count${i}`] = counts[i];
      args[`from${i}`] = from[i];
      args[`to${i}`] = to[i];
    }
    const wide = from[5] === 4 && to[5] === 4 && counts[5] % 4 === 0;
    this.step(copy(wide), args as Record<CopyField, Argument>, counts[0] * counts[1]);
  }
}
