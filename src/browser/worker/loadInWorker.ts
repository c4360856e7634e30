/** `load`, but in a worker: the page stays responsive while the network runs. */

import type { LoadInWorkerOptions, LoadOptions } from "../../api/loadOptions.js";
import type { WeightSource } from "../../api/sources.js";
import { fetchBytes } from "../download.js";
import { loadOnWebGl2 } from "../load.js";
import { fasterOf, hasHardwareWebGl2, lacksWebGpu } from "../webGl.js";
import { type Loader, serve } from "./host.js";
import type { Port } from "./protocol.js";
import type { Started } from "./spawn.js";
import { WorkerModel } from "./workerModel.js";

/** The same protocol within this thread: for WebGL2, and for pages that may not start workers. */
function onThisThread(loader?: Loader): Started {
  const { port1, port2 } = new MessageChannel();
  serve(port2 as unknown as Port, loader);
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

/** Fetched here, once, for the two sides of a contest. A file keeps the name that messages begin with. */
async function fetched(source: WeightSource, options: LoadOptions): Promise<WeightSource> {
  if (typeof source !== "string" && !(source instanceof URL)) return source;
  return new File([await fetchBytes(String(source), options)], String(source));
}

async function startHost({ backend, createWorker, signal, onNote }: LoadInWorkerOptions): Promise<Started> {
  if (backend === "gpujs") {
    onNote?.("WebGL2 runs on the page's own thread, without a worker");
    return onThisThread();
  }
  try {
    const { spawnModelWorker } = await import("./spawn.js");
    return await spawnModelWorker(createWorker, signal);
  } catch (error) {
    signal?.throwIfAborted();
    onNote?.(`no worker: ${error instanceof Error ? error.message : error}; running on the page's own thread`);
    return onThisThread();
  }
}

/**
 * Loads a model in a worker of its own. No file needs to be hosted; where the page's policy forbids workers, the model
 * runs on this thread, behind the same interface, and a note says so; so it does on WebGL2 (`gpujs`). `dispose` ends the
 * worker.
 * @throws as `load`.
 * @example
 * const model = await loadInWorker("best.pt");
 * const result = await model.detectLatest(video); // undefined when a newer frame took its place
 */
export async function loadInWorker(
  source: WeightSource | readonly WeightSource[],
  options: LoadInWorkerOptions = {},
): Promise<WorkerModel> {
  const {
    backend = "auto",
    signal,
    onProgress,
    onNote,
    half,
    tune,
    threads,
    cache,
    config,
    fitPictures,
    maxPixels,
  } = options;
  const hooks = { signal, onProgress, onNote };
  let sources = (Array.isArray(source) ? source : [source as WeightSource]).map(absolute);
  const contested = backend === "auto" && (await lacksWebGpu()) && hasHardwareWebGl2();
  if (contested) sources = await Promise.all(sources.map((item) => fetched(item, options)));
  const request = { sources, options: { backend, half, tune, threads, cache, config, fitPictures, maxPixels } };
  const model = await WorkerModel.open(await startHost(options), request, hooks);
  if (!contested || model.device.name === "webgpu") return model;
  const rival = (): Promise<WorkerModel> => WorkerModel.open(onThisThread(loadOnWebGl2), request, { signal, onNote });
  return fasterOf(model, rival, hooks);
}
