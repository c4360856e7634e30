/**
 * How free the caller's thread is while pictures are detected, and how fast they are:
 *   npm run build && node bench/callersThread.mjs --weights yolov5n.pt --picture bus.jpg [--calls 24] [--rounds 5] [--workers 2]
 * The model computes in a worker, inline, and in several workers, in turn. Prints one line of JSON for each: the median of the
 * milliseconds per picture, and the longest gap between two turns of the event loop, of the rounds.
 */

import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { load } from "../dist/node.js";

const { values } = parseArgs({
  options: {
    weights: { type: "string" },
    picture: { type: "string", default: fileURLToPath(new URL("../examples/codes.png", import.meta.url)) },
    backend: { type: "string", default: "wasm" },
    calls: { type: "string", default: "24" },
    rounds: { type: "string", default: "5" },
    workers: { type: "string", default: `${availableParallelism()}` },
  },
});
const [calls, rounds, workers] = [values.calls, values.rounds, values.workers].map(Number);
const bytes = readFileSync(values.picture);

const ways = [
  { name: "worker", options: {} },
  { name: "inline", options: { worker: false } },
  { name: `${workers} workers`, options: { workers } },
];
const runs = [];
for (const { name, options } of ways) {
  const model = await load(values.weights, { backend: values.backend, ...options });
  await model.warmup();
  // The picture's own shape too, in every worker.
  await Promise.all(Array.from({ length: 2 * workers }, () => model.detect(bytes)));
  runs.push({ name, model, ms: [], gaps: [] });
}
for (let round = 0; round < rounds; round++) {
  for (const { model, ms, gaps } of runs) {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const started = performance.now();
    await Promise.all(Array.from({ length: calls }, () => model.detect(bytes)));
    ms.push((performance.now() - started) / calls);
    // One more turn, which sees the last gap.
    await new Promise((resolve) => setTimeout(resolve, 5));
    delay.disable();
    gaps.push(delay.max / 1e6);
  }
}
for (const { name, model, ms, gaps } of runs) {
  const median = ms.toSorted((a, b) => a - b)[Math.floor(rounds / 2)];
  const tenths = (value) => Math.round(value * 10) / 10;
  const { adapter } = model.device;
  console.log(
    JSON.stringify({ name, adapter, calls, msPerPicture: tenths(median), longestGapMs: tenths(Math.max(...gaps)) }),
  );
  model.dispose();
}
