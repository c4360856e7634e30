/** `load`, but in a worker: the page stays responsive while the network runs. */

import type { LoadInWorkerOptions } from "../../api/loadOptions.js";
import type { WeightSource } from "../../api/sources.js";
import { IMPORTED_PARTS } from "../parts.js";
import { loadInWorkerWith } from "./loadInWorkerWith.js";
import type { WorkerModel } from "./workerModel.js";

/**
 * Loads a model in its own worker. No file needs to be hosted. If the page's policy forbids workers, and on WebGL2
 * (`gpujs`), the model runs on this thread behind the same interface, and a note says so. `dispose` ends the worker.
 * @throws like `load`; UnsupportedError outside pages, for example in Node.
 * @example
 * const model = await loadInWorker("best.pt");
 * const result = await model.detectLatest(video); // undefined when a newer frame took its place
 */
export function loadInWorker(
  source: WeightSource | readonly WeightSource[],
  options: LoadInWorkerOptions = {},
): Promise<WorkerModel> {
  return loadInWorkerWith(IMPORTED_PARTS, source, options);
}
