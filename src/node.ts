/** yolov5-ts in Node: `load` a checkpoint, `detect` in pictures. */

import { type BackendChoice, openBackend } from "./node/backends.js";
import type { OnProgress } from "./node/download.js";
import { EMBEDDED_MODEL } from "./node/knownModels.js";
import { type PictureSource, readPictureSource } from "./node/pictureSource.js";
import { type OpenedWeights, openWeights, type WeightSource } from "./node/weightSource.js";
import type { Backend, TuneOptions } from "./runtime/backend.js";
import { computeDTypeFor, createMember } from "./yolov5/loadModel.js";
import { type Member, Model, type PictureReader } from "./yolov5/model.js";

export * from "./common.js";
export * from "./compress/index.js";
export * from "./eval/index.js";
export type { BackendChoice } from "./node/backends.js";
export { openClassificationDataset } from "./node/datasets/classification.js";
export { type OpenDatasetOptions, openDataset } from "./node/datasets/open.js";
export type { OnProgress } from "./node/download.js";
export { EMBEDDED_MODEL, knownModelNames } from "./node/knownModels.js";
export type { PictureSource } from "./node/pictureSource.js";
export type { VideoFrame } from "./node/video/frameSource.js";
export { probeVideo, type VideoInfo } from "./node/video/probe.js";
export { type ReadVideoOptions, readVideo } from "./node/video/readVideo.js";
export { VideoWriter, type VideoWriterOptions } from "./node/video/writeVideo.js";
export type { WeightSource } from "./node/weightSource.js";

export interface LoadOptions {
  /** Default `auto`: WebGPU on a hardware adapter, else WASM, else the reference. */
  readonly backend?: BackendChoice | undefined;
  /** Threads of the WASM backend. Default: the machine's cores, eight at most. */
  readonly threads?: number | undefined;
  /** float16 storage on backends that have it. */
  readonly half?: boolean | undefined;
  /**
   * WebGPU: measure which kernels are the fastest on this device before an input size runs first; kept for later starts. `true`,
   * or what to tell and when to stop.
   */
  readonly tune?: boolean | TuneOptions | undefined;
  /** Progress of downloads, in bytes. */
  readonly onProgress?: OnProgress | undefined;
  /** Sentences about what was decided or adjusted on the way. */
  readonly onNote?: ((note: string) => void) | undefined;
  /** Model description (yaml content) for a state dict that carries none. */
  readonly config?: unknown;
  /** Ends the loading; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Largest number of pixels of picture files that `detect` reads. Default 2^26. */
  readonly maxPixels?: number | undefined;
}

/**
 * Loads a model, or several as an ensemble.
 * @param source path, URL, `yolov5n` (downloaded once), `random:yolov5s`, bytes; default the embedded model.
 * @throws CheckpointError, DownloadError: what the file is and what to do; DeviceError: no such backend here; the reason of
 *   `signal`.
 * @example
 * const model = await load("yolov5n.pt");
 * const { detections } = await model.detect("bus.jpg");
 */
export async function load(
  source: WeightSource | readonly WeightSource[] = EMBEDDED_MODEL,
  options: LoadOptions = {},
): Promise<Model<PictureSource>> {
  const sources: readonly WeightSource[] = Array.isArray(source) ? source : [source as WeightSource];
  const { signal } = options;
  let backend: Backend | undefined;
  try {
    const weights: OpenedWeights[] = [];
    for (const item of sources) {
      signal?.throwIfAborted();
      const { onProgress, onNote: onWarning, config } = options;
      weights.push(await openWeights(item, { onProgress, signal, config, onWarning }));
    }
    signal?.throwIfAborted();
    backend = await openBackend(options.backend ?? "auto", { onNote: options.onNote, threads: options.threads });
    signal?.throwIfAborted();
    const read: PictureReader<PictureSource> = (item, { maxPixels = options.maxPixels, begin } = {}) =>
      readPictureSource(item, { maxPixels, begin });
    return new Model(createMembers(weights, backend, options), backend, read);
  } catch (error) {
    backend?.dispose();
    // What failed because of the abort is no news.
    signal?.throwIfAborted();
    throw error;
  }
}

function createMembers(weights: readonly OpenedWeights[], backend: Backend, options: LoadOptions): Member[] {
  return weights.map(({ opened, path }) =>
    createMember(opened, backend, {
      path,
      dtype: computeDTypeFor(opened, backend, options),
      tune: options.tune === true ? {} : options.tune || undefined,
      onNote: options.onNote,
    }),
  );
}
