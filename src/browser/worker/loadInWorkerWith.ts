/** `loadInWorker`, wherever the parts of the engine come from. */

import { nameOfAddress } from "../../api/address.js";
import { givenBytes } from "../../api/givenBytes.js";
import type { LoadInWorkerOptions, LoadOptions } from "../../api/loadOptions.js";
import type { WeightSource } from "../../api/sources.js";
import { UnsupportedError } from "../../errors.js";
import { computesOnCores } from "../../runtime/backendNames.js";
import { signalOf, throwIfAborted } from "../../yolov5/calls/abort.js";
import { count } from "../../yolov5/calls/checks.js";
import { addressIn, isBlob } from "../../yolov5/input/given.js";
import { absoluteAddress, fetchBytes } from "../download.js";
import { checkpointsOf } from "../loadWith.js";
import type { Parts } from "../parts.js";
import { hasHardwareWebGl2, lacksWebGpu } from "../webGl.js";
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

/** Loads the model in further workers, as many as start. */
async function addWorkers(
  parts: Parts,
  model: WorkerModel,
  request: Parameters<typeof WorkerModel.open>[1],
  { workers, createWorker, onNote, signal }: LoadInWorkerOptions & { readonly workers: number },
  light: boolean,
): Promise<void> {
  const { name } = model.device;
  if (!computesOnCores(name)) {
    return onNote?.(`workers: ${name} has one device, and one worker keeps it busy`);
  }
  const add = async (): Promise<void> => {
    const { worker, terminate } = await spawnModelWorker(createWorker, light, signal);
    await model.addWorker({ port: worker, terminate, decoders: new DecoderWorkers(parts, onNote) }, request, signal);
  };
  const added = await Promise.allSettled(Array.from({ length: workers - 1 }, add));
  if (signal?.aborted) model.dispose();
  throwIfAborted(signal);
  const failed = added.filter((one) => one.status === "rejected");
  if (failed.length === 0) return;
  const { reason } = failed[0];
  onNote?.(`${workers - failed.length} of ${workers} workers: ${reason instanceof Error ? reason.message : reason}`);
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
    workers = 1,
  } = options;
  count(workers, "workers");
  const signal = signalOf(options.signal);
  throwIfAborted(signal);
  const hooks = { signal, onProgress, onNote };
  let sources = await Promise.all(checkpointsOf(source).map(toSend));
  const lacking = backend === "auto" && (await lacksWebGpu());
  const contested = lacking && hasHardwareWebGl2();
  const light = lacking || computesOnCores(backend);
  // Downloaded once, whoever needs it.
  if (contested || workers > 1) sources = await Promise.all(sources.map((item) => fetched(item, options)));
  // Callbacks cannot be sent.
  const tuning = typeof tune === "object" ? { seconds: tune.seconds } : tune;
  const request = {
    sources,
    options: {
      backend,
      half,
      tune: tuning,
      threads: workers > 1 ? (threads ?? 1) : threads,
      cache,
      config,
      names,
      fitPictures,
      maxPixels,
    },
  };
  const started = await startHost(parts, options, light, signal);
  const model = await WorkerModel.open(started, request, hooks);
  // Without decoders of its own, it is no worker.
  if (workers > 1 && started.decoders) await addWorkers(parts, model, request, { ...options, workers, signal }, light);
  if (!contested || model.device.name === "webgpu" || workers > 1) return model;
  const rival = async (): Promise<WorkerModel> =>
    WorkerModel.open(await onThisThread(parts, true), request, { signal, onNote });
  const engine = await parts.engine().catch((error: Error) => void onNote?.(`not on WebGL2: ${error.message}`));
  return engine ? engine.fasterOf(model, rival, hooks) : model;
}
