/** Modules of kernels: each kernel once, in slots of one table that all modules share. */

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

/**
 * Emits kernels, each once, and with those of the first slot the scheduler that calls them and all that come later.
 * @param firstSlot how many kernels other modules have put into the table
 */
export function buildModule(target: Target, kernels: Iterable<Kernel>, firstSlot: number): KernelModule {
  const module = new ModuleBuilder(target, firstSlot);
  const slots = new Map<string, number>();
  for (const kernel of kernels) {
    if (!slots.has(kernel.name)) slots.set(kernel.name, kernel.define(module).slot);
  }
  if (firstSlot === 0) defineScheduler(module);
  return { bytes: module.finish(1, MAXIMUM_PAGES), slots };
}
