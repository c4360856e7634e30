/** `load`, but in a worker: the page stays responsive while the network runs. */

import { nameOfAddress } from "../../api/address.js";
import { givenBytes } from "../../api/givenBytes.js";
import type { LoadInWorkerOptions, LoadOptions } from "../../api/loadOptions.js";
import type { WeightSource } from "../../api/sources.js";
import { UnsupportedError } from "../../errors.js";
import { signalOf, throwIfAborted } from "../../yolov5/calls/abort.js";
import { addressIn, isBlob } from "../../yolov5/input/given.js";
import { absoluteAddress, fetchBytes } from "../download.js";
import { checkpointsOf, load, loadOnWebGl2 } from "../load.js";
import { fasterOf, hasHardwareWebGl2, lacksWebGpu } from "../webGl.js";
import { type Loader, serve } from "./host.js";
import type { Started } from "./started.js";
import { WorkerModel } from "./workerModel.js";

/** The same protocol within this thread: for WebGL2, and for pages that may not start workers. */
function onThisThread(loader: Loader = load): Started {
  const { port1, port2 } = new MessageChannel();
  serve(port2, loader);
  return {
    port: port1,
    terminate: () => {
      port1.close();
      port2.close();
    },
  };
}

/**
 * A checkpoint as it can be sent. URLs mean what they mean to the page: a worker made from a blob has no address to start from.
 * @throws CheckpointError, DownloadError for what is none.
 */
async function toSend(source: WeightSource): Promise<WeightSource> {
  const address = addressIn(source);
  if (address !== undefined) return absoluteAddress(address);
  if (isBlob(source)) return source as Blob;
  const { bytes } = await givenBytes(source);
  // Of a part of a buffer all of it would be sent.
  return bytes.byteLength === bytes.buffer.byteLength ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
}

/** Fetched here, once, for the two sides of a contest. A file keeps the name that messages begin with. */
async function fetched(source: WeightSource, options: LoadOptions): Promise<WeightSource> {
  if (typeof source !== "string") return source;
  return new File([await fetchBytes(source, options)], nameOfAddress(source));
}

/** Neither a page, nor a worker of one, nor a runtime that has workers of that kind. */
function isNoPage(): boolean {
  return typeof document === "undefined" && typeof Worker !== "function" && !("WorkerGlobalScope" in globalThis);
}

async function startHost(
  { backend, createWorker, onNote }: LoadInWorkerOptions,
  light: boolean,
  signal: AbortSignal | undefined,
): Promise<Started> {
  if (backend === "gpujs") {
    onNote?.("WebGL2 runs on the page's own thread, without a worker");
    return onThisThread();
  }
  try {
    // Asked first, since service workers, which have none, may import nothing later either.
    if (!createWorker && typeof Worker !== "function") throw new Error("there are no workers here");
    const [{ spawnModelWorker }, { DecoderWorkers }] = await Promise.all([
      import("./spawn.js"),
      import("./decoders/workers.js"),
    ]);
    const { worker, terminate } = await spawnModelWorker(createWorker, light, signal);
    return { port: worker, terminate, decoders: new DecoderWorkers(onNote) };
  } catch (error) {
    throwIfAborted(signal);
    onNote?.(`no worker: ${error instanceof Error ? error.message : error}; running on the page's own thread`);
    return onThisThread();
  }
}

/**
 * Loads a model in a worker of its own. No file needs to be hosted; where the page's policy forbids workers, the model
 * runs on this thread, behind the same interface, and a note says so; so it does on WebGL2 (`gpujs`). `dispose` ends the
 * worker.
 * @throws as `load`; UnsupportedError outside of pages, as in Node.
 * @example
 * const model = await loadInWorker("best.pt");
 * const result = await model.detectLatest(video); // undefined when a newer frame took its place
 */
export async function loadInWorker(
  source: WeightSource | readonly WeightSource[],
  options: LoadInWorkerOptions = {},
): Promise<WorkerModel> {
  if (isNoPage()) {
    throw new UnsupportedError("loadInWorker needs a page or a worker of one; in Node use load()", {
      name: "loadInWorker",
    });
  }
  const { backend = "auto", onProgress, onNote, half, tune, threads, cache, config, fitPictures, maxPixels } = options;
  const signal = signalOf(options.signal);
  throwIfAborted(signal);
  const hooks = { signal, onProgress, onNote };
  let sources = await Promise.all(checkpointsOf(source).map(toSend));
  const lacking = backend === "auto" && (await lacksWebGpu());
  const contested = lacking && hasHardwareWebGl2();
  const light = lacking || backend === "wasm" || backend === "cpu";
  if (contested) sources = await Promise.all(sources.map((item) => fetched(item, options)));
  // What is told on the way cannot be sent along.
  const tuning = typeof tune === "object" ? { seconds: tune.seconds } : tune;
  const request = { sources, options: { backend, half, tune: tuning, threads, cache, config, fitPictures, maxPixels } };
  const model = await WorkerModel.open(await startHost(options, light, signal), request, hooks);
  if (!contested || model.device.name === "webgpu") return model;
  const rival = (): Promise<WorkerModel> => WorkerModel.open(onThisThread(loadOnWebGl2), request, { signal, onNote });
  return fasterOf(model, rival, hooks);
}
