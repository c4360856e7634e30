/** One worker of the pool: a path comes in, what was found goes out. */

import { parentPort, workerData } from "node:worker_threads";
import { EngineError, load } from "yolov5-ts";

// The pool uses the cores, so each model computes on one: on this thread, not in a worker of its own.
const model = await load(workerData.weights, { backend: "wasm", threads: 1, worker: false });

parentPort?.on("message", async (/** @type {string} */ path) => {
  try {
    const result = await model.detect(path);
    parentPort?.postMessage({ found: [...result.count()].map(([name, number]) => `${number} ${name}`) });
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    parentPort?.postMessage({ error: error.message });
  }
});
