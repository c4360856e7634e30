/** `load` with the network in worker threads. */

import type { LoadOptions } from "../../api/loadOptions.js";
import type { PictureSource, WeightSource } from "../../api/sources.js";
import { OptionError } from "../../errors.js";
import { onAbort, signalOf, throwIfAborted } from "../../yolov5/calls/abort.js";
import { count, flag } from "../../yolov5/calls/checks.js";
import { Model } from "../../yolov5/model.js";
import { prepareThreads } from "../dawnOutput.js";
import { mayHaveHardware, mayHaveVulkan } from "../vulkan.js";
import { type FoundWeights, findWeights } from "../weightSource.js";
import { builtFile } from "./builtFile.js";
import type { ModelAnswer, ModelEvent, ModelJob, ModelThreadData } from "./modelJobs.js";
import { type ModelSeed, weightsSeed } from "./modelSeed.js";
import { ThreadRunner, tuneEvents } from "./threadRunner.js";
import { WorkerPool } from "./workerPool.js";

const PROGRAM = "modelWorker.js";

/**
 * The program of the threads; undefined if the model is to run on the caller's thread. Tells `onNote` why if threads
 * were to be expected.
 * @throws OptionError for options that contradict each other or are invalid.
 */
export function threadProgram({ worker, workers, onNote }: LoadOptions): string | undefined {
  if (workers !== undefined) count(workers, "workers");
  if (worker !== undefined) flag(worker, "worker");
  if (worker === false) {
    if (workers === undefined) return undefined;
    throw new OptionError(`workers is ${workers}, but worker: false allows none; leave out one of them`);
  }
  const file = builtFile(PROGRAM);
  const { permission } = process;
  const refused = permission && !permission.has("worker");
  if (file !== undefined && !refused) return file;
  const why = refused
    ? "this process may not start threads (--allow-worker)"
    : `dist/${PROGRAM} of this package is not next to the running code, as in a bundle`;
  onNote?.(`no worker thread: ${why}; the model runs on the caller's thread`);
  return undefined;
}

/** @throws like `load`. */
export async function loadInThreads(
  file: string,
  source: WeightSource | readonly WeightSource[],
  options: LoadOptions,
): Promise<Model<PictureSource>> {
  const { onProgress, onNote, config, backend = "auto", half = false, names, maxPixels, workers, cache } = options;
  const sources: readonly WeightSource[] = Array.isArray(source) ? source : [source as WeightSource];
  const signal = signalOf(options.signal);
  const weights: FoundWeights[] = [];
  try {
    for (const item of sources) {
      throwIfAborted(signal);
      weights.push(weightsSeed(await findWeights(item, { onProgress, signal, onWarning: onNote })));
    }
  } finally {
    // A failure caused by the abort is not reported.
    throwIfAborted(signal);
  }
  if (mayHaveVulkan() && (backend === "webgpu" || (backend === "auto" && mayHaveHardware()))) await prepareThreads();
  const seed: ModelSeed = { weights, backend, half, config, cache };
  const threads = options.threads ?? (workers === undefined ? undefined : 1);
  const tune = options.tune === true ? {} : options.tune || undefined;
  const data: ModelThreadData = {
    seed,
    options: { threads, names, maxPixels },
    tune: tune && { seconds: tune.seconds },
  };
  const onTuning = tuneEvents(tune ?? {});
  const noted = new Set<string>();
  const pool = new WorkerPool<ModelJob, ModelAnswer>({
    file,
    data,
    threads: workers ?? 1,
    signal: signalOf(tune?.signal),
    onEvent: (event) => {
      const message = event as ModelEvent;
      if (message.kind !== "note") return onTuning(message);
      // What one of several workers has noted, the others note too.
      if (workers === undefined || !noted.has(message.text)) onNote?.(message.text);
      noted.add(message.text);
    },
  });
  const stopListening = onAbort(signal, (reason) => pool.dispose(reason));
  try {
    return new Model(await ThreadRunner.open(pool, { seed, workers, threads, names, maxPixels, onNote }));
  } catch (error) {
    pool.dispose();
    throwIfAborted(signal);
    throw error;
  } finally {
    stopListening();
  }
}
