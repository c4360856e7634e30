/** `load`, but in a worker: the page stays responsive while the network runs. */

import type { LoadOptions, WeightSource } from "../load.js";
import { serve } from "./host.js";
import type { Port } from "./protocol.js";
import type { Started } from "./spawn.js";
import { WorkerModel } from "./workerModel.js";

export interface LoadInWorkerOptions extends LoadOptions {
  /**
   * Starts the worker from a file of yours, for pages whose policy allows no blob workers:
   * `() => new Worker(new URL("yolov5-ts/worker", import.meta.url), { type: "module" })`.
   */
  readonly createWorker?: (() => Worker) | undefined;
}

/** The same protocol within this thread, for pages that may not start workers. */
function onThisThread(): Started {
  const { port1, port2 } = new MessageChannel();
  serve(port2 as unknown as Port);
  return {
    port: port1 as unknown as Port,
    terminate: () => {
      port1.close();
      port2.close();
    },
  };
}

/** URLs mean what they mean to the page: a worker made from a blob has no address to start from. */
function absolute(source: WeightSource): WeightSource {
  const base = globalThis.document?.baseURI ?? globalThis.location?.href;
  return typeof source === "string" || source instanceof URL ? new URL(source, base).href : source;
}

/**
 * Loads a model in a worker of its own. No file needs to be hosted; where the page's policy forbids workers, the model
 * runs on this thread, behind the same interface, and a note says so. `dispose` ends the worker.
 * @throws as `load`.
 * @example
 * const model = await loadInWorker("best.pt");
 * const result = await model.detectLatest(video); // undefined when a newer frame took its place
 */
export async function loadInWorker(
  source: WeightSource | readonly WeightSource[],
  options: LoadInWorkerOptions = {},
): Promise<WorkerModel> {
  const { createWorker, signal, onProgress, onNote, backend, half, tune, threads, cache, config, fitPictures } =
    options;
  const sources = (Array.isArray(source) ? source : [source as WeightSource]).map(absolute);
  let host: Started;
  try {
    const { spawnModelWorker } = await import("./spawn.js");
    host = await spawnModelWorker(createWorker, signal);
  } catch (error) {
    signal?.throwIfAborted();
    onNote?.(`no worker: ${error instanceof Error ? error.message : error}; running on the page's own thread`);
    host = onThisThread();
  }
  return WorkerModel.open(
    host,
    { sources, options: { backend, half, tune, threads, cache, config, fitPictures } },
    {
      signal,
      onProgress,
      onNote,
    },
  );
}
