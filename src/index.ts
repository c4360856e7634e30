/** yolov5-ts in browsers: `load` a checkpoint, `detect` in pictures. No module of Node is reachable from here. */

export type { BackendChoice } from "./browser/backends.js";
export { CACHE_NAME, type OnProgress } from "./browser/download.js";
export { type LoadOptions, load, type WeightSource } from "./browser/load.js";
export type { DrawableSource, PictureSource } from "./browser/pictureSource.js";
export { type Prediction, predict, type Thresholds } from "./browser/prediction.js";
export { type LoadInWorkerOptions, loadInWorker } from "./browser/worker/loadInWorker.js";
export type { WorkerDetectOptions, WorkerModel, WorkerPrediction } from "./browser/worker/workerModel.js";
export * from "./common.js";
export { paletteColor } from "./image/draw/palette.js";
export { classificationLines, detectionLines, segmentationLines } from "./yolov5/saveText.js";
