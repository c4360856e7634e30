/** A module from the kernels that a model uses. */

import { ModuleBuilder, type Target } from "./emit/index.js";
import type { Kernel } from "./kernel.js";
import { defineScheduler } from "./scheduler.js";

export interface KernelModule {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Table slot of each kernel by its name. */
  readonly slots: ReadonlyMap<string, number>;
}

/** Largest memory of 32-bit WebAssembly, in pages of 64 KiB. */
export const MAXIMUM_PAGES = 65536;

/** Emits the scheduler and the kernels, each once. */
export function buildModule(target: Target, kernels: Iterable<Kernel>): KernelModule {
  const module = new ModuleBuilder(target);
  const slots = new Map<string, number>();
  for (const kernel of kernels) {
    if (!slots.has(kernel.name)) slots.set(kernel.name, kernel.define(module).slot);
  }
  defineScheduler(module);
  return { bytes: module.finish(1, MAXIMUM_PAGES), slots };
}
