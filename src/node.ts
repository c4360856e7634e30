/**
 * yolov5-ts in Node: `load` a checkpoint, `detect` in pictures.
 * @module yolov5-ts
 */

import type { LoadOptions } from "./api/loadOptions.js";
import { EMBEDDED_MODEL } from "./api/names.js";
import type { PictureSource, WeightSource } from "./api/sources.js";
import { loadWeights } from "./node/loadWeights.js";
import { loadInThreads, threadProgram } from "./node/workers/loadInThreads.js";
import type { Model } from "./yolov5/model.js";

export * from "./api/browserOnly.js";
export * from "./common.js";
export * from "./compress/index.js";
export type { RecoverProgress } from "./compress/recover/options.js";
export type { CurvePoint } from "./compress/recover/state.js";
export * from "./eval/index.js";
export { encodeJpeg, encodePng } from "./image/encode.js";
export { openClassificationDataset } from "./node/datasets/classification.js";
export { type OpenDatasetOptions, openDataset } from "./node/datasets/open.js";
export { type DistilledModel, type DistillOptions, distill } from "./node/distill.js";
export { knownModelNames } from "./node/knownModels.js";
export { annotate } from "./node/pictures/annotate.js";
export { type LabelFontOptions, openLabelFont } from "./node/pictures/labelFont.js";
export { type SavePictureOptions, savePicture } from "./node/pictures/savePicture.js";
export { createServer } from "./node/serve/createServer.js";
export type { ServedModelSource, ServeLogLevel, ServeOptions } from "./node/serve/options.js";
export type { RunningModel, YoloServer } from "./node/serve/runningServer.js";
export type { VideoFrame } from "./node/video/frameSource.js";
export type { VideoInput } from "./node/video/input.js";
export { type ProbeOptions, probeVideo, type VideoInfo } from "./node/video/probe.js";
export { type ReadVideoOptions, readVideo } from "./node/video/readVideo.js";
export { VideoWriter, type VideoWriterOptions } from "./node/video/writeVideo.js";

/**
 * Loads a model, or several as an ensemble. It computes in a worker thread, so that the caller's thread stays free.
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
  const program = threadProgram(options);
  return program === undefined ? (await loadWeights(source, options)).model : loadInThreads(program, source, options);
}
