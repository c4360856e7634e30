/** Programs in a model's memory, without a backend around them. */

import { Breather } from "../../../src/breathe.js";
import { Stopwatch } from "../../../src/runtime/stopwatch.js";
import { KernelLibrary, singleThread } from "../../../src/runtime/wasm/index.js";
import { type Loading, ModelMemory } from "../../../src/runtime/wasm/run/modelMemory.js";

/** @param machine runs the steps; default: the calling thread */
export function modelMemory(machine = singleThread): ModelMemory {
  const library = new KernelLibrary({ simd: true, relaxed: false, shared: false });
  return new ModelMemory(false, library, machine, () => undefined);
}

export const loading = (): Loading => ({
  breather: new Breather(),
  watch: new Stopwatch(undefined),
  check: () => undefined,
});
