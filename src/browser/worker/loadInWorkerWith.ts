/** `loadInWorker`, wherever the parts of the engine come from. */

import { nameOfAddress } from "../../api/address.js";
import { givenBytes } from "../../api/givenBytes.js";
import type { LoadInWorkerOptions, LoadOptions } from "../../api/loadOptions.js";
import type { WeightSource } from "../../api/sources.js";
import { UnsupportedError } from "../../errors.js";
import { signalOf, throwIfAborted } from "../../yolov5/calls/abort.js";
import { addressIn, isBlob } from "../../yolov5/input/given.js";
import { absoluteAddress, fetchBytes } from "../download.js";
import { checkpointsOf } from "../loadWith.js";
import type { Parts } from "../parts.js";
import { fasterOf, hasHardwareWebGl2, lacksWebGpu } from "../webGl.js";
import { DecoderWorkers } from "./decoders/workers.js";
import { spawnModelWorker } from "./spawn.js";
import type { Started } from "./started.js";
import { WorkerModel } from "./workerModel.js";

/** The same protocol within this thread, for WebGL2 and for pages that may not start workers. */
async function onThisThread(parts: Parts, onWebGl2 = false): Promise<Started> {
  const { serveHere } = await parts.engine();
  const { port1, port2 } = new MessageChannel();
  serveHere(port2, onWebGl2, parts);
  return {
    port: port1,
    terminate: () => {
      port1.close();
      port2.close();
    },
  };
}

/**
 * A checkpoint in a form that can be sent. URLs are resolved relative to the page: a blob worker has no base address.
 * @throws CheckpointError, DownloadError for an invalid checkpoint.
 */
async function toSend(source: WeightSource): Promise<WeightSource> {
  const address = addressIn(source);
  if (address !== undefined) return absoluteAddress(address);
  if (isBlob(source)) return source as Blob;
  const { bytes } = await givenBytes(source);
  // For a view of part of a buffer, the whole buffer would be sent.
  return bytes.byteLength === bytes.buffer.byteLength ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
}

/** Fetches once for both sides of a comparison. A file keeps its name for messages. */
async function fetched(source: WeightSource, options: LoadOptions): Promise<WeightSource> {
  if (typeof source !== "string") return source;
  return new File([await fetchBytes(source, options)], nameOfAddress(source));
}

/** True outside pages, web workers and other runtimes with web workers. */
function isNoPage(): boolean {
  return typeof document === "undefined" && typeof Worker !== "function" && !("WorkerGlobalScope" in globalThis);
}

async function startHost(
  parts: Parts,
  { backend, createWorker, onNote }: LoadInWorkerOptions,
  light: boolean,
  signal: AbortSignal | undefined,
): Promise<Started> {
  if (backend === "gpujs") {
    onNote?.("WebGL2 runs on the page's own thread, without a worker");
    return onThisThread(parts);
  }
  try {
    if (!createWorker && typeof Worker !== "function") throw new Error("there are no workers here");
    const { worker, terminate } = await spawnModelWorker(createWorker, light, signal);
    return { port: worker, terminate, decoders: new DecoderWorkers(parts, onNote) };
  } catch (error) {
    throwIfAborted(signal);
    onNote?.(`no worker: ${error instanceof Error ? error.message : error}; running on the page's own thread`);
    return onThisThread(parts);
  }
}

/** `loadInWorker` with these parts. */
export async function loadInWorkerWith(
  parts: Parts,
  source: WeightSource | readonly WeightSource[],
  options: LoadInWorkerOptions,
): Promise<WorkerModel> {
  if (isNoPage()) {
    throw new UnsupportedError("loadInWorker needs a web page or a web worker; in Node use load()", {
      name: "loadInWorker",
    });
  }
  const {
    backend = "auto",
    onProgress,
    onNote,
    half,
    tune,
    threads,
    cache,
    config,
    names,
    fitPictures,
    maxPixels,
  } = options;
  const signal = signalOf(options.signal);
  throwIfAborted(signal);
  const hooks = { signal, onProgress, onNote };
  let sources = await Promise.all(checkpointsOf(source).map(toSend));
  const lacking = backend === "auto" && (await lacksWebGpu());
  const contested = lacking && hasHardwareWebGl2();
  const light = lacking || backend === "wasm" || backend === "cpu";
  if (contested) sources = await Promise.all(sources.map((item) => fetched(item, options)));
  // Callbacks cannot be sent.
  const tuning = typeof tune === "object" ? { seconds: tune.seconds } : tune;
  const request = {
    sources,
    options: { backend, half, tune: tuning, threads, cache, config, names, fitPictures, maxPixels },
  };
  const model = await WorkerModel.open(await startHost(parts, options, light, signal), request, hooks);
  if (!contested || model.device.name === "webgpu") return model;
  const rival = async (): Promise<WorkerModel> =>
    WorkerModel.open(await onThisThread(parts, true), request, { signal, onNote });
  return fasterOf(model, rival, hooks);
}
