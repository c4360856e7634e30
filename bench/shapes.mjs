/**
 * What new input shapes cost: many of them in turn, as a folder of photographs has them.
 *   npm run build && node --expose-gc bench/shapes.mjs --weights yolov5n.pt [--shapes 500] [--backend wasm] [--threads 2]
 * Prints JSON: the milliseconds in which each shape is compiled, resident memory after a third of the shapes and at the end
 * (after garbage collections, if Node exposes them), and the memory that the model reports.
 */

import { parseArgs } from "node:util";
import { load } from "../dist/node.js";

const { values } = parseArgs({
  options: {
    weights: { type: "string" },
    shapes: { type: "string", default: "500" },
    backend: { type: "string", default: "wasm" },
    threads: { type: "string" },
  },
});
const count = Number(values.shapes);
const SIDES = Array.from({ length: 23 }, (_, i) => 64 + 32 * i);
/** Every second one tall and wide by turns, so that neighbours differ in size: no plan fits into the memory of the last. */
const shapes = SIDES.flatMap((h) => SIDES.map((w) => [h, w]))
  .map((shape, i) => ({ shape, key: (i * 211) % (SIDES.length * SIDES.length) }))
  .toSorted((a, b) => a.key - b.key)
  .map(({ shape }) => shape)
  .slice(0, count);

const threads = values.threads === undefined ? undefined : Number(values.threads);
const model = await load(values.weights, { backend: values.backend, threads, worker: false });
const ms = async (work) => {
  const started = performance.now();
  await work();
  return performance.now() - started;
};
const resident = () => {
  globalThis.gc?.();
  return Math.round(process.memoryUsage().rss / 2 ** 20);
};

const first = await ms(() => model.warmup([640, 640]));
const costs = [];
let third = 0;
for (const [i, shape] of shapes.entries()) {
  // Compiles it, and runs nothing.
  costs.push(await ms(() => model.memory(shape)));
  await model.warmup(shape);
  if (i + 1 === Math.floor(count / 3)) third = resident();
}
costs.sort((a, b) => a - b);
const tenths = (value) => Math.round(value * 10) / 10;
const at = (share) => tenths(costs[Math.min(costs.length - 1, Math.floor(share * costs.length))]);
const { sharedBytes, weightBytes, totalBytes } = await model.memory(shapes.at(-1));
console.log(
  JSON.stringify({
    adapter: model.device.adapter,
    shapes: costs.length,
    firstShapeMs: tenths(first),
    newShapeMs: { median: at(0.5), p90: at(0.9), p99: at(0.99), longest: at(1) },
    residentMiB: { third, end: resident() },
    memory: { weightBytes, sharedBytes, totalBytes },
  }),
);
model.dispose();
