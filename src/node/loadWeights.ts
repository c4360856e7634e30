/** `load`, and the loaded weights. */

import type { LoadOptions } from "../api/loadOptions.js";
import type { PictureSource, WeightSource } from "../api/sources.js";
import type { Backend } from "../runtime/backend.js";
import { signalOf, throwIfAborted } from "../yolov5/calls/abort.js";
import { type Task, taskOf } from "../yolov5/checkpoint/modelInfo.js";
import { LocalRunner } from "../yolov5/localRunner.js";
import { Model, type PictureReader } from "../yolov5/model.js";
import { openBackend } from "./backends.js";
import { createMembers } from "./createMembers.js";
import { readWithSaver } from "./pictures/resultSaver.js";
import { type OpenedWeights, openWeights, preparedToKeep } from "./weightSource.js";

export interface Loaded {
  readonly model: Model<PictureSource>;
  readonly weights: readonly OpenedWeights[];
}

export interface LoadWeightsOptions extends LoadOptions {
  /** Used instead of `threads` if it depends on the weights. */
  readonly threadsFor?: ((task: Task) => number | undefined) | undefined;
}

/** @throws as `load`. */
export async function loadWeights(
  source: WeightSource | readonly WeightSource[],
  options: LoadWeightsOptions,
): Promise<Loaded> {
  const sources: readonly WeightSource[] = Array.isArray(source) ? source : [source as WeightSource];
  const signal = signalOf(options.signal);
  let backend: Backend | undefined;
  try {
    const weights: OpenedWeights[] = [];
    for (const item of sources) {
      throwIfAborted(signal);
      const { onProgress, onNote: onWarning, config } = options;
      weights.push(await openWeights(item, { onProgress, signal, config, onWarning }));
    }
    throwIfAborted(signal);
    const [first] = weights;
    const { threadsFor } = options;
    const threads = threadsFor && first ? threadsFor(taskOf(first.opened.module, first.path)) : options.threads;
    const keep = preparedToKeep(weights, options.cache);
    backend = await openBackend(options.backend ?? "auto", { onNote: options.onNote, threads, keep });
    throwIfAborted(signal);
    const read: PictureReader<PictureSource> = (item, { maxPixels = options.maxPixels, ...reading } = {}) =>
      readWithSaver(item, { maxPixels, ...reading });
    return { model: new Model(new LocalRunner(createMembers(weights, backend, options), backend, read)), weights };
  } catch (error) {
    backend?.dispose();
    // A failure caused by the abort is not reported.
    throwIfAborted(signal);
    throw error;
  }
}
