/**
 * dist/index.js: the names of `yolov5-ts` with all of the engine but WebGPU at hand, for module service workers that
 * import this file by its path. The name `yolov5-ts` stands for dist/page.js, which imports the engine later.
 */

import { atHand } from "./browser/atHand.js";
import { IMPORTED_PARTS } from "./browser/parts.js";

export * from "./index.js";
export { verifyModel } from "./yolov5/verify.js";

export const { load, loadInWorker, annotate, quantize } = atHand(IMPORTED_PARTS);
