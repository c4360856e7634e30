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
export interface UsedKernels extends KernelModule {
  readonly compiled: WebAssembly.Module;
  /** Of an instance. */
  readonly functions: readonly unknown[];
}

/** Keeps modules between runs. `target` says what they are emitted for. */
export interface KernelStore {
  /** @param kernels says which kernels a module has, and in which slots. */
  readKernels(kernels: string, target: Target): StoredKernels | undefined;
  /** Keeps a module with what the host has optimised of it, if that is more than is kept. Never throws. */
  writeKernels(used: UsedKernels, kernels: string, target: Target): void;
}

/** Runs after which a store is given a module: most of it is optimised by the first. */
const GIVEN_AFTER: readonly number[] = [1, 8, 64];

/** A module that a store may want. */
interface Offered {
  readonly made: KernelModule;
  readonly names: string;
  readonly module: Promise<WebAssembly.Module>;
  runs: number;
}

export class KernelLibrary {
  readonly batches: KernelBatch[] = [];
  private readonly slots = new Map<string, number>();
  private offered: Offered[] = [];
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
    const stored = this.store?.readKernels(names, this.target);
    const made = stored ?? buildModule(this.target, missing.values(), this.slots.size);
    for (const [name, slot] of made.slots) this.slots.set(name, slot);
    const module = stored?.compiled ? Promise.resolve(stored.compiled) : WebAssembly.compile(made.bytes);
    // A failure is reported to whoever loads it.
    module.catch(() => undefined);
    this.batches.push({ module, slots: this.slots.size });
    if (this.store) this.offered.push({ made, names, module, runs: 0 });
  }

  /** To be told of every run, and of the table that it ran with: kernels are optimised while they run. */
  ran(table: WebAssembly.Table | undefined): void {
    const { store, target } = this;
    if (!store || !table) return;
    for (const offer of this.offered) {
      const { made, names, module } = offer;
      const slots = [...made.slots.values()];
      // A memory has the modules that its plans need.
      if (Math.max(...slots) >= table.length || !GIVEN_AFTER.includes(++offer.runs)) continue;
      const functions = slots.map((slot) => table.get(slot));
      const give = (compiled: WebAssembly.Module): void =>
        store.writeKernels({ ...made, compiled, functions }, names, target);
      module.then(give).catch(() => undefined);
    }
    this.offered = this.offered.filter(({ runs }) => runs < Math.max(...GIVEN_AFTER));
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
