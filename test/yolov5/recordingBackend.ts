/** A backend that computes nothing: zeros of the right shape, and a record of what was asked of it. */

import type { Graph } from "../../src/ops/index.js";
import { type Backend, type Executable, FLOAT32_TENSORS, type MemoryUse } from "../../src/runtime/backend.js";
import { tensor } from "../../src/tensor/index.js";

/** What each compiled shape says it takes. */
export const SHAPE_BYTES = 6;

const NO_MEMORY: MemoryUse = {
  weightBytes: 1,
  activationBytes: 2,
  stagingBytes: 3,
  liveSetBytes: 4,
  sharedBytes: 5,
  shapeBytes: SHAPE_BYTES,
};

export interface Recording {
  /** Input shapes of compiled graphs, of runs, and of executables that were disposed of, in order. */
  readonly compiled: string[];
  readonly runs: string[];
  readonly disposed: string[];
  backendDisposed: boolean;
}

export interface RecordingOptions {
  /** How long a run takes, in ms. */
  readonly delay?: number;
  /** Takes `tune`, and marks what was compiled with it. */
  readonly tunes?: boolean;
  /** Called before each compilation; may throw. */
  readonly onCompile?: (shape: string) => void;
}

export function recordingBackend(options: RecordingOptions = {}): { backend: Backend; record: Recording } {
  const record: Recording = { compiled: [], runs: [], disposed: [], backendDisposed: false };
  const executableOf = (graph: Graph, shape: string): Executable => {
    const outputs = () => graph.outputs.map((id) => tensor("float32", graph.values[id].shape));
    return {
      async run() {
        record.runs.push(shape);
        if (options.delay) await new Promise((resolve) => setTimeout(resolve, options.delay));
        return outputs();
      },
      tap: (names) => Promise.resolve(new Map(names.map((name, i) => [name, outputs()[Math.min(i, 0)]]))),
      profile: () => Promise.resolve([]),
      memory: () => NO_MEMORY,
      dispose: () => void record.disposed.push(shape),
    };
  };
  const backend: Backend = {
    name: "wasm",
    adapter: "nothing",
    software: false,
    capabilities: { ...FLOAT32_TENSORS, tunes: options.tunes ?? false },
    counters: () => undefined,
    async compile(graph, { tune } = {}) {
      const shape = graph.values[graph.inputs[0]].shape.join("×");
      options.onCompile?.(shape);
      record.compiled.push(tune ? `${shape} tuned` : shape);
      return executableOf(graph, shape);
    },
    dispose() {
      record.backendDisposed = true;
    },
  };
  return { backend, record };
}
