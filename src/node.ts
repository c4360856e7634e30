/**
 * yolov5-ts in Node: `load` a checkpoint, `detect` in pictures.
 * @module yolov5-ts
 */

import type { LoadOptions } from "./api/loadOptions.js";
import { EMBEDDED_MODEL } from "./api/names.js";
import type { PictureSource, WeightSource } from "./api/sources.js";
import { openBackend } from "./node/backends.js";
import { readWithSaver } from "./node/pictures/resultSaver.js";
import { type OpenedWeights, openWeights } from "./node/weightSource.js";
import type { Backend } from "./runtime/backend.js";
import { signalOf, throwIfAborted } from "./yolov5/calls/abort.js";
import { computeDTypeFor, createMember } from "./yolov5/loadModel.js";
import { type Member, Model, type PictureReader } from "./yolov5/model.js";

export * from "./api/browserOnly.js";
export * from "./common.js";
export * from "./compress/index.js";
export * from "./eval/index.js";
export { encodeJpeg, encodePng } from "./image/encode.js";
export { openClassificationDataset } from "./node/datasets/classification.js";
export { type OpenDatasetOptions, openDataset } from "./node/datasets/open.js";
export { knownModelNames } from "./node/knownModels.js";
export { annotate } from "./node/pictures/annotate.js";
export { type LabelFontOptions, openLabelFont } from "./node/pictures/labelFont.js";
export { type SavePictureOptions, savePicture } from "./node/pictures/savePicture.js";
export type { VideoFrame } from "./node/video/frameSource.js";
export type { VideoInput } from "./node/video/input.js";
export { type ProbeOptions, probeVideo, type VideoInfo } from "./node/video/probe.js";
export { type ReadVideoOptions, readVideo } from "./node/video/readVideo.js";
export { VideoWriter, type VideoWriterOptions } from "./node/video/writeVideo.js";

/**
 * Loads a model, or several as an ensemble.
 * @param source path, URL, `yolov5n` (downloaded once), `random:yolov5s`, or bytes. Default: the embedded model.
 * @throws CheckpointError, DownloadError with what the file is and how to fix it; DeviceError if the backend is not
 * available; the reason of `signal`.
 * @example
 * const model = await load("yolov5n.pt");
 * const { detections } = await model.detect("bus.jpg");
 */
export async function load(
  source: WeightSource | readonly WeightSource[] = EMBEDDED_MODEL,
  options: LoadOptions = {},
): Promise<Model<PictureSource>> {
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
    backend = await openBackend(options.backend ?? "auto", { onNote: options.onNote, threads: options.threads });
    throwIfAborted(signal);
    const read: PictureReader<PictureSource> = (item, { maxPixels = options.maxPixels, ...reading } = {}) =>
      readWithSaver(item, { maxPixels, ...reading });
    return new Model(createMembers(weights, backend, options), backend, read);
  } catch (error) {
    backend?.dispose();
    // A failure caused by the abort is not reported.
    throwIfAborted(signal);
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
