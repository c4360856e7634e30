/**
 * yolov5-ts in browsers: `load` a checkpoint, `detect` in pictures. Imports no Node modules and exports the same
 * names as in Node. `yolov5-ts/browser` is the same without evaluation and compression.
 */

export * from "./api/nodeOnly.js";
export * from "./browser.js";
export * from "./compress/index.js";
export type { RecoverProgress } from "./compress/recover/options.js";
export type { CurvePoint } from "./compress/recover/state.js";
export * from "./eval/index.js";
export type { OpenDatasetOptions } from "./node/datasets/open.js";
export type { DistilledModel, DistillOptions } from "./node/distill.js";
export type { LabelFontOptions } from "./node/pictures/labelFont.js";
export type { SavePictureOptions } from "./node/pictures/savePicture.js";
export type { ServedModelSource, ServeLogLevel, ServeOptions } from "./node/serve/options.js";
export type { RunningModel, YoloServer } from "./node/serve/runningServer.js";
export type { VideoFrame } from "./node/video/frameSource.js";
export type { VideoInput } from "./node/video/input.js";
export type { ProbeOptions, VideoInfo } from "./node/video/probe.js";
export type { ReadVideoOptions } from "./node/video/readVideo.js";
export type { VideoWriterOptions } from "./node/video/writeVideo.js";
