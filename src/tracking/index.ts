/** Tracking: boxes frame by frame → persistent IDs. Independent of networks; runs in Node and in browsers. */

export type { Xyxy } from "../boxes.js";
export type { ResolvedTrackerOptions, TrackerAlgorithm, TrackerOptions } from "./options.js";
export { TRACKER_ALGORITHMS } from "./options.js";
export { type Track, Tracker, type TrackerBox } from "./tracker.js";
export { type Trail, Trails } from "./trails.js";
