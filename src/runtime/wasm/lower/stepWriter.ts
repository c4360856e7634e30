/** Writes steps over symbolic addresses, and the memory that they work on: constants, activations, tables. */

import { LimitError } from "../../../errors.js";
import { type CopyField, copy, type Kernel } from "../../../kernels/wasm/index.js";
import { elementCount } from "../../../tensor/index.js";
import { type Address, type Block, createBlock } from "./blocks.js";
import type { Argument, Preparation, Step } from "./steps.js";

/** Far beyond what the largest released network, of 538 operations, takes. */
const MAX_STEPS = 100_000;

export class StepWriter {
  readonly steps: Step[] = [];
  readonly arena: Block[] = [];
  readonly constants: Block[] = [];
  readonly preparations: Preparation[] = [];
  /** Where preparations find what the host wrote: the arena, which is free then. */
  readonly staging: Block = createBlock(0);
  /** Largest scratch memory that a kernel asked for. */
  scratchBytes = 64;
  /** Floats of the page of zeros. */
  zeroFloats = 64;
  readonly zeros: Block = createBlock(0);
  private readonly made = new Map<string, unknown>();
  private node = -1;

  /** Steps that follow belong to this node. */
  enter(node: number): void {
    this.node = node;
  }

  step<Field extends string>(kernel: Kernel<Field>, args: Readonly<Record<Field, Argument>>, tiles: number): void {
    const index = this.steps.length;
    for (const value of Object.values<Argument>(args)) {
      if (typeof value === "object" && "block" in value) {
        value.block.first = Math.min(value.block.first, index);
        value.block.last = Math.max(value.block.last, index);
      }
    }
    if (this.steps.length >= MAX_STEPS) {
      throw new LimitError(`wasm: the model needs more than ${MAX_STEPS} kernel calls; it is damaged or hostile`);
    }
    this.steps.push({ kernel, args, tiles, node: this.node });
  }

  /** Activation memory. */
  allocate(bytes: number): Block {
    const block = createBlock(bytes);
    this.arena.push(block);
    return block;
  }

  /** Memory that keeps what `fill` wrote at start. */
  constant(floats: number, fill: (target: Float32Array) => void): Address {
    const block = createBlock(floats * 4, fill);
    this.constants.push(block);
    return { block, offset: 0 };
  }

  /** Memory that keeps what a kernel makes at start, of `stagedFloats` that `stage` writes. */
  prepared(
    floats: number,
    stagedFloats: number,
    stage: (target: Float32Array) => void,
    step: (staged: Address, out: Address) => Omit<Step, "node">,
  ): Address {
    const block = createBlock(floats * 4);
    this.constants.push(block);
    const out = { block, offset: 0 };
    const staged = { block: this.staging, offset: 0 };
    this.preparations.push({ step: { ...step(staged, out), node: -1 }, bytes: stagedFloats * 4, stage });
    return out;
  }

  /** What several nodes can use, made by the first; the key tells its type. */
  shared<T>(key: string, make: () => T): T {
    if (!this.made.has(key)) this.made.set(key, make());
    return this.made.get(key) as T;
  }

  /** Words for kernels' tables. */
  table(words: ArrayLike<number>): Address {
    return this.constant(words.length, (target) => {
      new Int32Array(target.buffer, target.byteOffset, words.length).set(words);
    });
  }

  /** Address of at least `floats` zeros. */
  zeroPage(floats: number): Address {
    this.zeroFloats = Math.max(this.zeroFloats, floats);
    return { block: this.zeros, offset: 0 };
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
