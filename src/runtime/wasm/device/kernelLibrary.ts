/**
 * The kernels of a backend, each emitted and compiled once. They come in modules as plans need them, whose functions stand in one
 * table: a later model or input shape adds what is new, and what is there keeps its optimised code.
 */

import { invariant } from "../../../errors.js";
import {
  buildModule,
  type Kernel,
  type KernelModule,
  pictureModule,
  type Target,
} from "../../../kernels/wasm/index.js";

export interface KernelBatch {
  /** Compiles in the background. */
  readonly module: Promise<WebAssembly.Module>;
  /** Slots that the table must have for it. */
  readonly slots: number;
}

/** As a store has them. */
export interface StoredKernels extends KernelModule {
  /** Compiled as far as earlier runs have got. */
  readonly compiled?: WebAssembly.Module | undefined;
}

/** A module after some runs. */
export interface UsedModule {
  readonly compiled: WebAssembly.Module;
  /** Of an instance. */
  readonly functions: readonly unknown[];
}

/** Runs after which a store is shown what has been optimised: most of it by the first. */
const SHOWN_AFTER: readonly number[] = [1, 8, 64];

/** Keeps modules between runs. `target` says what they are emitted for. */
export interface KernelStore {
  /** @param kernels says which kernels a module has, and in which slots. */
  readKernels(kernels: string, target: Target): StoredKernels | undefined;
  /** Never throws. */
  writeKernels(module: KernelModule, kernels: string, target: Target): void;
  /** Keeps what the host has optimised of a module that was read or written here, if that is more than before. Never throws. */
  writeOptimized(used: UsedModule, kernels: string, target: Target): void;
}

export class KernelLibrary {
  readonly batches: KernelBatch[] = [];
  private readonly slots = new Map<string, number>();
  private readonly stored: {
    readonly names: string;
    readonly module: Promise<WebAssembly.Module>;
    readonly slots: readonly number[];
  }[] = [];
  private runs = 0;
  private pictureRows: Promise<WebAssembly.Module> | undefined;

  constructor(
    readonly target: Target,
    private readonly store?: KernelStore,
  ) {}

  /** Compiles those of the kernels that are not there yet. */
  add(kernels: Iterable<Kernel>): void {
    const missing = new Map<string, Kernel>();
    for (const kernel of kernels) if (!this.slots.has(kernel.name)) missing.set(kernel.name, kernel);
    if (missing.size === 0) return;
    const names = `${this.slots.size} ${[...missing.keys()]}`;
    const { bytes, slots, compiled } = this.build(missing, names);
    for (const [name, slot] of slots) this.slots.set(name, slot);
    const module = compiled ? Promise.resolve(compiled) : WebAssembly.compile(bytes);
    // A failure is reported to whoever loads it.
    module.catch(() => undefined);
    this.batches.push({ module, slots: this.slots.size });
    if (this.store) this.stored.push({ names, module, slots: [...slots.values()] });
  }

  /** To be told of every run, and of the table that it ran with: kernels are optimised while they run. */
  ran(table: WebAssembly.Table | undefined): void {
    const { store, target } = this;
    if (!store || !table || !SHOWN_AFTER.includes(++this.runs)) return;
    for (const { names, module, slots } of this.stored) {
      // A memory has the modules that its plans need.
      if (Math.max(...slots) >= table.length) continue;
      const functions = slots.map((slot) => table.get(slot));
      module.then((compiled) => store.writeOptimized({ compiled, functions }, names, target)).catch(() => undefined);
    }
  }

  private build(kernels: ReadonlyMap<string, Kernel>, names: string): StoredKernels {
    const kept = this.store?.readKernels(names, this.target);
    if (kept) return kept;
    const made = buildModule(this.target, kernels.values(), this.slots.size);
    this.store?.writeKernels(made, names, this.target);
    return made;
  }

  /** The functions that write pictures; undefined on hosts without SIMD. */
  pictures(): Promise<WebAssembly.Module> | undefined {
    if (!this.target.simd) return undefined;
    this.pictureRows ??= WebAssembly.compile(pictureModule(this.target));
    return this.pictureRows;
  }

  readonly slotOf = (name: string): number => {
    const slot = this.slots.get(name);
    invariant(slot !== undefined, `kernel ${name} is in no module`);
    return slot;
  };
}
