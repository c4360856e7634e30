/**
 * A pool of worker threads, each with a model of its own, for many small pictures on many cores:
 *
 *     node examples/workerPool/pool.mjs --workers 4 photos/*.jpg
 *
 * One model with several threads answers a single picture sooner; a pool answers more pictures a second. For detection
 * alone, `load(…, { workers: 4 })` is such a pool; here the workers may do whatever else a picture needs.
 */

import { once } from "node:events";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";

const { values, positionals: pictures } = parseArgs({
  options: { weights: { type: "string" }, workers: { type: "string", default: `${availableParallelism()}` } },
  allowPositionals: true,
});
const count = Math.max(1, Math.min(Number(values.workers), pictures.length));

/** @type {string[]} one line a picture */
const lines = [];
let next = 0;

/** Gives the worker one picture after another, until none is left. */
async function feed() {
  const worker = new Worker(new URL("worker.mjs", import.meta.url), { workerData: { weights: values.weights } });
  try {
    while (next < pictures.length) {
      const index = next++;
      worker.postMessage(pictures[index]);
      // An error of the worker itself rejects this promise.
      const [{ found, error }] = await once(worker, "message");
      lines[index] = `${pictures[index]}: ${error ?? (found.join(", ") || "nothing")}`;
    }
  } finally {
    await worker.terminate();
  }
}

await Promise.all(Array.from({ length: count }, feed));
for (const line of lines) console.log(line);
