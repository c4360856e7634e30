/**
 * What users build on detections: lines and zones that count tracks, heat maps, speeds, objects made unrecognisable, and the
 * merging of boxes from windows.
 * Works on boxes wherever they come from; runs in Node and in browsers.
 * @module yolov5-ts/solutions
 */

export type { Xyxy } from "../boxes.js";
export type { Figure } from "../image/draw/figures.js";
export type { Color } from "../image/draw/palette.js";
export type { RgbImage } from "../image/types.js";
export * from "./blur/index.js";
export { Heatmap, type HeatmapOptions } from "./counting/heatmap.js";
export { Homography } from "./counting/homography.js";
export { LineCounter, type LineCounts, type LineEvent } from "./counting/lineCounter.js";
export { Speedometer, type SpeedometerOptions } from "./counting/speedometer.js";
export type {
  Anchor,
  ClassCounts,
  CountOptions,
  FrameTime,
  ResolvedCountOptions,
  TrackedBox,
} from "./counting/tracked.js";
export { Zone, type ZoneCounts, type ZoneEvent, type ZoneOptions } from "./counting/zone.js";
export { type Point, pointsOf } from "./geometry.js";
export { type MergedBox, type MergeOptions, mergeBoxes, type WindowBox } from "./slices/merge.js";
export type { SliceMerge, SliceOptions } from "./slices/options.js";
export { type Window, windowsOf } from "./slices/windows.js";
