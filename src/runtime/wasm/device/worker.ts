/**
 * The source of a worker thread as a string, so that it works from a single-file bundle, under a test runner and in a
 * page without loading anything. It only instantiates modules over shared memory and calls `work`.
 *
 * The text defines `handle(message, post)`; the host puts its own plumbing before and after it (`spawnWebWorker`,
 * `src/node/wasm.ts`).
 */

import { OUTCOME } from "../../../kernels/wasm/index.js";

/** To a worker. */
type ToWorker =
  | {
      readonly type: "load";
      readonly id: number;
      readonly module: WebAssembly.Module;
      readonly memory: WebAssembly.Memory;
      /** That the table of the memory's kernels must have. */
      readonly slots: number;
    }
  | {
      readonly type: "run";
      readonly id: number;
      readonly header: number;
      readonly thread: number;
      readonly generation: number;
      readonly first: number;
      readonly last: number;
      /** Address of the word that says in which generation a thread failed. */
      readonly failed: number;
    }
  | { readonly type: "drop"; readonly id: number }
  | { readonly type: "leave"; readonly token: number }
  | { readonly type: "hello" };

/** From a worker: the answer to `hello` and `leave`, the end of a run, or why one failed. */
export type FromWorker =
  | { readonly type: "ready" }
  | { readonly type: "left"; readonly token: number }
  | { readonly type: "done"; readonly id: number; readonly generation: number }
  | { readonly type: "failed"; readonly id: number; readonly generation: number; readonly message: string };

/** No variable in it is called `exports`: tools would take a bundle with this text for CommonJS. */
export const WORKER_SOURCE = `"use strict";
const instances = new Map();
function handle(message, post) {
  const { type, id, generation } = message;
  if (type === "hello") {
    post({ type: "ready" });
  } else if (type === "load") {
    let kernels = instances.get(id);
    if (!kernels) {
      kernels = { table: new WebAssembly.Table({ element: "anyfunc", initial: 0 }) };
      instances.set(id, kernels);
    }
    const { table } = kernels;
    table.grow(Math.max(0, message.slots - table.length));
    const instance = new WebAssembly.Instance(message.module, { env: { memory: message.memory, table } });
    kernels.work ??= instance.exports.work;
    kernels.memory ??= message.memory;
  } else if (type === "leave") {
    post({ type: "left", token: message.token });
  } else if (type === "drop") {
    instances.delete(id);
  } else if (type === "run") {
    const kernels = instances.get(id);
    try {
      const outcome = kernels?.work(message.header, message.thread, generation, message.first, message.last);
      // Where another thread failed, that one tells.
      if (outcome !== ${OUTCOME.failed}) post({ type: "done", id, generation });
    } catch (error) {
      Atomics.store(new Int32Array(kernels.memory.buffer), message.failed / 4, generation);
      post({ type: "failed", id, generation, message: String(error) });
    }
  }
}
`;

/** A thread as the pool sees it. */
export interface WorkerThread {
  post(message: ToWorker): void;
  terminate(): void;
}

/** Starts a thread that runs `WORKER_SOURCE`. It may throw, or report through `onError` later. */
export type SpawnWorker = (handlers: {
  readonly onMessage: (message: FromWorker) => void;
  readonly onError: (message: string) => void;
}) => WorkerThread;

/** Web workers from a blob URL; undefined where there are none. A page's CSP may still refuse it: then `onError` tells. */
export function webWorkers(): SpawnWorker | undefined {
  if (typeof Worker !== "function" || typeof Blob !== "function" || typeof URL.createObjectURL !== "function") {
    return undefined;
  }
  return ({ onMessage, onError }) => {
    const text = `${WORKER_SOURCE}onmessage = (event) => handle(event.data, (message) => postMessage(message));`;
    const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    const worker = new Worker(url);
    worker.onmessage = (event: MessageEvent<FromWorker>) => {
      if (event.data.type === "ready") URL.revokeObjectURL(url);
      onMessage(event.data);
    };
    worker.onerror = (event) => onError(event.message || "the worker did not start");
    return {
      post: (message) => worker.postMessage(message),
      terminate: () => worker.terminate(),
    };
  };
}
