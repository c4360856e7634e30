/**
 * The memory of one model: its packed weights once, a small table for each compiled input shape, and a workspace (scratch memory
 * and activations) as large as the largest shape needs, which all shapes use in turn.
 */

import type { Breather } from "../../../breathe.js";
import { CallQueue } from "../../callQueue.js";
import type { Stopwatch } from "../../stopwatch.js";
import type { KernelLibrary } from "../device/kernelLibrary.js";
import { LinearMemory } from "../device/linearMemory.js";
import type { Machine, OpenMachine, StepsAt, TilePart } from "../device/machine.js";
import type { Constant, Preparation, Step } from "../lower/steps.js";
import { type Held, PackedWeights } from "./packedWeights.js";
import { PictureRows } from "./pictureRows.js";
import { countersOf, imageOf, type PlanImage } from "./planImage.js";
import type { PreparedStore } from "./preparedStore.js";
import type { Program } from "./program.js";

/** Left free below the workspace for the tables of further shapes: so it can grow where it lies. */
const TABLES_BYTES = 4 * 2 ** 20;
/** A workspace up to this size is kept, whatever is run. */
const MOST_IDLE_BYTES = 64 * 2 ** 20;
/** Runs after which a larger one is given back, where none of them needed a quarter of it. */
const RUNS_PER_LOOK = 16;

/** How a plan is loaded. */
export interface Loading {
  readonly breather: Breather;
  readonly watch: Stopwatch;
  /** Throws where the plan is not wanted any more. */
  readonly check: () => void;
}

/** Steps in the memory. */
export interface LoadedPlan extends StepsAt {
  /** Which of its words are addresses within the workspace. */
  readonly addresses: Int32Array;
  readonly tableBytes: number;
  readonly workspaceBytes: number;
  readonly held: Held;
  /** Where its addresses expect the workspace. */
  workspace: number;
}

export class ModelMemory {
  readonly turns = new CallQueue();
  /** Writes pictures into inputs. */
  readonly pictures: PictureRows;
  private readonly memory: LinearMemory;
  private readonly weights: PackedWeights;
  private machine: Machine;
  private workspace: { readonly address: number; readonly bytes: number } | undefined;
  private readonly recent = { runs: 0, most: 0 };
  /** Plans that are loaded or on their way. */
  private users = 0;

  constructor(
    shared: boolean,
    private readonly kernels: KernelLibrary,
    private readonly openMachine: OpenMachine,
    private readonly onUnused: () => void,
    private readonly store?: PreparedStore,
  ) {
    this.memory = new LinearMemory(shared);
    this.weights = new PackedWeights(this.memory);
    this.pictures = new PictureRows(this.memory, () => kernels.pictures());
    this.machine = openMachine(this.memory);
  }

  /** What all shapes share. */
  get sharedBytes(): number {
    return this.weights.bytes + (this.workspace?.bytes ?? 0) + this.pictures.bytes;
  }

  get weightBytes(): number {
    return this.weights.bytes;
  }

  get floats(): Float32Array {
    return this.memory.floats;
  }

  get words(): Int32Array {
    return new Int32Array(this.memory.memory.buffer);
  }

  /** Says that a plan is to come; `unuse` takes it back. */
  use(): void {
    this.users++;
  }

  unuse(): void {
    if (--this.users > 0) return;
    this.machine.dispose();
    this.onUnused();
  }

  /**
   * Puts a program into the memory: packs the weights that are not there yet, or reads what an earlier run packed, writes its tables.
   * @throws LimitError beyond 4 GiB; what `loading.check` throws.
   */
  load(program: Program, loading: Loading): Promise<LoadedPlan> {
    const { watch } = loading;
    return this.turns.add(async () => {
      const { held, missing } = this.weights.acquire(program.constants);
      try {
        const { target } = this.kernels;
        const reading = this.store?.readWeights(missing, this.memory.memory.buffer, target);
        // Where weights are kept, those that pack them come in a module of their own, which a later start does without.
        this.addKernels(program.steps, this.store ? [] : missing);
        watch.lap("kernels");
        const made = (await reading) ? [] : missing;
        await this.fill(made, loading);
        watch.lap("weights");
        if (this.store) this.addKernels([], made);
        await this.machine.load(this.kernels.batches);
        watch.lap("kernels");
        await this.prepare(preparationsOf(made), program, loading);
        if (made.length > 0) this.store?.writeWeights(made, this.memory.memory.buffer);
        const { workspaceBytes } = program;
        // Done here, so that a lack of memory is reported before the first run.
        this.reserve(workspaceBytes);
        const { words, own, workspace, steps: count } = imageOf(program, this.kernels.slotOf);
        const at = this.write({ words, own, workspace, steps: count });
        watch.lap("weights");
        return { ...at, addresses: workspace, tableBytes: words.byteLength, workspaceBytes, held };
      } catch (error) {
        this.weights.release(held);
        throw error;
      }
    });
  }

  /** Runs steps of a plan within its turn, some tiles alone of those in `parts`. */
  run(plan: LoadedPlan, first: number, last: number, parts?: readonly TilePart[]): Promise<void> {
    return this.machine.run(plan, first, last, parts);
  }

  /** Ends a run, or a part of one. */
  ran(): void {
    this.store?.ran();
  }

  /** Makes room for a plan's next run within its turn. @returns the address of its workspace */
  async place(plan: LoadedPlan): Promise<number> {
    await this.shrink(plan.workspaceBytes);
    const address = this.reserve(plan.workspaceBytes);
    const moved = address - plan.workspace;
    if (moved !== 0) {
      const words = new Int32Array(this.memory.memory.buffer);
      for (const at of plan.addresses) words[plan.header / 4 + at] += moved;
      plan.workspace = address;
    }
    return address;
  }

  /** Frees a plan's tables, and the weights that only it used. */
  unload(plan: LoadedPlan): void {
    this.giveBack(plan.header);
    this.weights.release(plan.held);
  }

  /** Writes an image into memory, for the workspace where it is now. */
  private write({ words, own, workspace, steps }: PlanImage): StepsAt & { workspace: number } {
    const header = this.memory.take(words.byteLength);
    const target = new Int32Array(this.memory.memory.buffer, header, words.length);
    target.set(words);
    for (const at of own) target[at] += header;
    const base = this.workspace?.address ?? 0;
    for (const at of workspace) target[at] += base;
    return { header, counters: header + countersOf(steps), workspace: base };
  }

  private addKernels(steps: readonly Step[], made: readonly Constant[]): void {
    const preparing = preparationsOf(made).map(({ step }) => step);
    this.kernels.add([...steps, ...preparing].map(({ kernel }) => kernel));
  }

  /** Writes constants that the host makes. */
  private async fill(constants: readonly Constant[], { breather, check }: Loading): Promise<void> {
    for (const { storage, making } of constants) {
      if (!making.fill) continue;
      making.fill(this.view(storage.address, storage.bytes));
      await breather.rest();
      check();
    }
  }

  /** Makes constants that kernels make. */
  private async prepare(
    preparations: readonly Preparation[],
    program: Program,
    { breather, check }: Loading,
  ): Promise<void> {
    if (preparations.length === 0) return;
    const { scratchBytes, threads } = program;
    const staged = preparations.reduce((most, { stagedBytes }) => Math.max(most, stagedBytes), 0);
    const staging = this.reserve(scratchBytes * threads + staged) + scratchBytes * threads;
    const steps = preparations.map(({ step }) => step);
    const at = this.write(imageOf({ steps, tables: [], scratchBytes }, this.kernels.slotOf));
    try {
      for (const [index, { stage, stagedBytes }] of preparations.entries()) {
        stage(this.view(staging, stagedBytes));
        await this.machine.run(at, index, index + 1);
        await breather.rest();
        check();
      }
    } finally {
      this.giveBack(at.header);
    }
  }

  private view(address: number, bytes: number): Float32Array {
    return this.memory.floats.subarray(address / 4, (address + bytes) / 4);
  }

  /** Frees tables: later, because a thread that came late may still look at their counters. */
  private giveBack(header: number): void {
    void this.machine.left().then(() => this.memory.give(header));
  }

  /** A workspace of at least so many bytes. Nobody may be using it: what it holds is lost. @returns its address */
  private reserve(bytes: number): number {
    if (this.workspace && this.workspace.bytes >= bytes) return this.workspace.address;
    const tables = this.workspace ? undefined : this.memory.take(TABLES_BYTES);
    if (this.workspace) this.memory.give(this.workspace.address);
    this.workspace = undefined;
    try {
      const address = this.memory.take(bytes);
      this.workspace = { address, bytes };
      return address;
    } finally {
      if (tables !== undefined) this.memory.give(tables);
    }
  }

  /** After one large picture among small ones, a memory that is not as large any more. */
  private async shrink(next: number): Promise<void> {
    const { recent, workspace } = this;
    recent.runs++;
    recent.most = Math.max(recent.most, next);
    if (recent.runs < RUNS_PER_LOOK) return;
    const { most } = recent;
    recent.runs = 0;
    recent.most = 0;
    if (!workspace || workspace.bytes <= MOST_IDLE_BYTES || most > workspace.bytes / 4) return;
    this.memory.give(workspace.address);
    this.workspace = undefined;
    this.memory.shrink();
    this.machine.dispose();
    this.machine = this.openMachine(this.memory);
    await this.machine.load(this.kernels.batches);
  }
}

function preparationsOf(constants: readonly Constant[]): Preparation[] {
  return constants.flatMap(({ making }) => (making.prepare ? [making.prepare] : []));
}
