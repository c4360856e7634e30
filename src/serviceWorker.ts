/**
 * `yolov5-ts/browser` for service workers, which can import nothing once they run: the engine comes with the entry.
 * @module yolov5-ts/service-worker
 */

import { atHand } from "./browser/atHand.js";
import type * as page from "./browser.js";
import * as webGpu from "./runtime/webgpu/index.js";
import * as onnx from "./yolov5/onnx/index.js";

export * from "./common.js";
export { verifyModel } from "./yolov5/verify.js";

const here = atHand({ webGpu: async () => webGpu, onnx: async () => onnx });

/** Like `load` of `yolov5-ts/browser`. */
export const load: typeof page.load = here.load;

/** Like `loadInWorker` of `yolov5-ts/browser`. Service workers cannot start workers: the model runs on their own thread. */
export const loadInWorker: typeof page.loadInWorker = here.loadInWorker;

/** Like `annotate` of `yolov5-ts/browser`. */
export const annotate: typeof page.annotate = here.annotate;

/** Like `quantize` of `yolov5-ts/browser`. */
export const quantize: typeof page.quantize = here.quantize;
