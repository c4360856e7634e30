/**
 * `yolov5-ts/browser` for service workers, which can import nothing once they run: the engine comes with the entry.
 * @module yolov5-ts/service-worker
 */

import { annotateInPage } from "./browser/annotateInPage.js";
import * as engine from "./browser/engine.js";
import { loadWith } from "./browser/loadWith.js";
import type { Parts } from "./browser/parts.js";
import { loadInWorkerWith } from "./browser/worker/loadInWorkerWith.js";
import type * as page from "./browser.js";
import { quantizeToFile } from "./compress/quantize/quantize.js";
import * as decoders from "./image/decode.js";
import * as webGpu from "./runtime/webgpu/index.js";

export * from "./common.js";
export { verifyModel } from "./yolov5/verify.js";

const PARTS: Parts = { engine: async () => engine, webGpu: async () => webGpu, decoders: async () => decoders };

/** Like `load` of `yolov5-ts/browser`. */
export const load: typeof page.load = (source, options = {}) => loadWith(PARTS, source, options);

/** Like `loadInWorker` of `yolov5-ts/browser`. Service workers cannot start workers: the model runs on their own thread. */
export const loadInWorker: typeof page.loadInWorker = (source, options = {}) =>
  loadInWorkerWith(PARTS, source, options);

/** Like `annotate` of `yolov5-ts/browser`. */
export const annotate = ((target, result, style) =>
  annotateInPage(PARTS, target, result, style)) as typeof page.annotate;

/** Like `quantize` of `yolov5-ts/browser`. */
export const quantize: typeof page.quantize = ({ members }, images, options) =>
  quantizeToFile(members, images, options);
