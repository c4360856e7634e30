/** What runs steps that lie in a memory: the calling thread alone, or all threads of a pool. */

import { HEADER, STEP, STEP_BYTES } from "../../../kernels/wasm/index.js";
import type { KernelBatch } from "./kernelLibrary.js";
import type { LinearMemory } from "./linearMemory.js";

/** Steps in memory: the address of their header, and of their counters. */
export interface StepsAt {
  readonly header: number;
  readonly counters: number;
}

/** Some of a step's tiles; none of a step that is skipped. */
export interface TilePart {
  readonly step: number;
  readonly from: number;
  readonly to: number;
  /** How many the step has. */
  readonly tiles: number;
}

export interface Machine {
  /** Puts kernels on every thread, in their order; those that are there already are passed over. */
  load(batches: readonly KernelBatch[]): Promise<void>;
  /** Runs the steps [first, last); of those in `parts` some tiles alone. */
  run(steps: StepsAt, first: number, last: number, parts?: readonly TilePart[]): Promise<void>;
  /** Settles when no thread looks any more at steps that were run. */
  left(): Promise<void>;
  dispose(): void;
}

/** Opens what runs steps in a memory. */
export type OpenMachine = (memory: LinearMemory) => Machine;

type Run = (header: number, first: number, last: number) => void;

/** Runs on the calling thread. */
export const singleThread: OpenMachine = ({ memory }) => {
  const loader = new BatchLoader(memory);
  let run: Run | undefined;
  return {
    async load(batches) {
      for (const exports of await loader.load(batches)) run ??= exports.run as Run | undefined;
    },
    async run({ header }, first, last, parts = []) {
      for (const { step, from, to } of parts) setTiles(memory.buffer, header, step, from, to);
      try {
        run?.(header, first, last);
      } finally {
        for (const { step, tiles } of parts) setTiles(memory.buffer, header, step, 0, tiles);
      }
    },
    left: () => Promise.resolve(),
    dispose() {},
  };
};

/** Says which tiles of a step are to be done. */
export function setTiles(buffer: ArrayBufferLike, header: number, step: number, from: number, to: number): void {
  const ints = new Int32Array(buffer);
  // Addresses beyond 2 GiB are negative as signed numbers.
  const at = (ints[(header + HEADER.steps) / 4] >>> 0) + step * STEP_BYTES;
  Atomics.store(ints, (at + STEP.firstTile) / 4, from);
  Atomics.store(ints, (at + STEP.tiles) / 4, to);
}

/** Instantiates batches of kernels over one memory on the calling thread. */
export class BatchLoader {
  private readonly table = new WebAssembly.Table({ element: "anyfunc", initial: 0 });
  private loaded = 0;

  constructor(private readonly memory: WebAssembly.Memory) {}

  /** @returns the exports of those that are new */
  async load(batches: readonly KernelBatch[]): Promise<WebAssembly.Exports[]> {
    const made: WebAssembly.Exports[] = [];
    for (; this.loaded < batches.length; this.loaded++) {
      const { module, slots } = batches[this.loaded];
      const compiled = await module;
      this.table.grow(Math.max(0, slots - this.table.length));
      const env = { memory: this.memory, table: this.table };
      made.push((await WebAssembly.instantiate(compiled, { env })).exports);
    }
    return made;
  }
}
