/**
 * Only what a page needs to run a model, for pages without a tree-shaking bundler.
 * @module yolov5-ts/browser
 */

export { annotate } from "./browser/annotate.js";
export { load } from "./browser/load.js";
export { loadInWorker } from "./browser/worker/loadInWorker.js";
export * from "./common.js";
