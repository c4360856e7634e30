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
  readonly compiled?: Promise<WebAssembly.Module> | undefined;
}

/** Keeps modules between runs. */
export interface KernelStore {
  /**
   * @param kernels says which kernels a module has, and in which slots
   * @param target what they are emitted for
   */
  readKernels(kernels: string, target: Target): StoredKernels | undefined;
  /** Told of every module, whether it was read or not. */
  addKernels(made: KernelModule, module: Promise<WebAssembly.Module>, kernels: string, target: Target): void;
  /** Told of every run, or part of one: kernels are optimised while they run. Never throws. */
  ran(): void;
}

export class KernelLibrary {
  readonly batches: KernelBatch[] = [];
  private readonly slots = new Map<string, number>();
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
    const { store, target } = this;
    const stored = store?.readKernels(names, target);
    const made = stored ?? buildModule(target, missing.values(), this.slots.size);
    for (const [name, slot] of made.slots) this.slots.set(name, slot);
    const module = stored?.compiled ?? WebAssembly.compile(made.bytes);
    // A failure is reported to whoever loads it.
    module.catch(() => undefined);
    this.batches.push({ module, slots: this.slots.size });
    store?.addKernels(made, module, names, target);
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
