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

/** Keeps modules between runs. `target` says what they are emitted for. */
export interface KernelStore {
  /** @param kernels says which kernels a module has, and in which slots. */
  readKernels(kernels: string, target: Target): KernelModule | undefined;
  /** Never throws. */
  writeKernels(module: KernelModule, kernels: string, target: Target): void;
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
    const { bytes, slots } = this.build(missing);
    for (const [name, slot] of slots) this.slots.set(name, slot);
    const module = WebAssembly.compile(bytes);
    // A failure is reported to whoever loads it.
    module.catch(() => undefined);
    this.batches.push({ module, slots: this.slots.size });
  }

  private build(kernels: ReadonlyMap<string, Kernel>): KernelModule {
    const first = this.slots.size;
    const names = `${first} ${[...kernels.keys()]}`;
    const kept = this.store?.readKernels(names, this.target);
    if (kept) return kept;
    const made = buildModule(this.target, kernels.values(), first);
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
