/**
 * Whether long runs stay flat: memory, threads, open files and active handles after garbage collection.
 *   npm run build && node bench/longRuns.mjs [cycles|losses|frames|calls …] [--backend wasm webgpu] [--scale 0.1]
 * cycles: 300 times load, detect, dispose. losses: one model that loses its device 100 times. frames: a stream of 10,000 frames.
 * calls: three times 2,000 calls at once. Prints one line of JSON a run; exit code 1 where something grew.
 */

import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { load } from "../dist/node.js";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");
const PICTURE = fileURLToPath(new URL("../test/fixtures/pytorch/picture.png", import.meta.url));
/** Small, and with boxes in every answer. */
const OPTIONS = { imgsz: 64, conf: 0.001 };
/** What may be more at the end than after the first third: a device more that awaits its collection, pools that breathe. */
const SLACK = { threads: 8, files: 3, handles: 2, heldMb: 16, rssMb: 200 };

/** Threads and files are counted where the system tells them. */
function counts() {
  try {
    const threads = Number(/^Threads:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]);
    return { threads, files: readdirSync("/proc/self/fd").length };
  } catch {
    return { threads: 0, files: 0 };
  }
}

/**
 * After two collections: finalizers of the first let go of more, drivers end their threads a little later. `heldMb` is what
 * JavaScript holds, `rssMb` the whole process with what its allocators keep for later.
 */
async function sample(at) {
  for (let i = 0; i < 2; i++) {
    collect();
    await sleep(100);
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  const [rssMb, heldMb] = [rss, heapUsed + external].map((bytes) => Math.round(bytes / 1e6));
  return { at, rssMb, heldMb, ...counts(), handles: process.getActiveResourcesInfo().length };
}

/** Runs `round` a number of times with samples at the thirds and between. */
async function measure(rounds, round) {
  const samples = [await sample(0)];
  const every = Math.max(1, Math.ceil(rounds / 6));
  for (let i = 1; i <= rounds; i++) {
    await round(i);
    if (i % every === 0 || i === rounds) samples.push(await sample(i));
  }
  return samples;
}

const detect = (model) => model.detect(PICTURE, OPTIONS);

async function cycles(backend, scale) {
  return measure(Math.ceil(300 * scale), async () => {
    const model = await load(undefined, { backend });
    await detect(model);
    model.dispose();
  });
}

async function losses(backend, scale) {
  if (backend !== "webgpu") return undefined;
  // On this thread, where its device can be reached.
  const model = await load(undefined, { backend, worker: false });
  const samples = await measure(Math.ceil(100 * scale), async () => {
    await detect(model);
    model.runner.backend.device.destroy();
    await sleep(5);
  });
  model.dispose();
  return samples;
}

/** Frames of noise as they would come from a camera, in one memory that is used again. */
async function* noise(count) {
  const [width, height] = [96, 64];
  const data = new Uint8Array(width * height * 3);
  let seed = 1;
  for (let i = 0; i < count; i++) {
    for (let p = 0; p < data.length; p++) {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      data[p] = seed >>> 24;
    }
    yield { data, width, height };
  }
}

async function frames(backend, scale) {
  const model = await load(undefined, { backend });
  const each = Math.ceil((10_000 * scale) / 12);
  const samples = await measure(12, async () => {
    let seen = 0;
    for await (const _ of model.stream(noise(each), OPTIONS)) seen++;
    if (seen !== each) throw new Error(`${seen} results for ${each} frames`);
  });
  model.dispose();
  return samples.map((s) => ({ ...s, at: s.at * each }));
}

async function calls(backend, scale) {
  const model = await load(undefined, { backend });
  const count = Math.ceil(2000 * scale);
  const expected = (await detect(model)).detections.length;
  const bytes = new Uint8Array(readFileSync(PICTURE));
  const samples = await measure(3, async () => {
    const results = await Promise.all(Array.from({ length: count }, () => model.detect(bytes, OPTIONS)));
    if (results.some(({ detections }) => detections.length !== expected)) throw new Error("results differ");
  });
  model.dispose();
  return samples.map((s) => ({ ...s, at: s.at * count }));
}

/** What grew between the first third, when caches are warm, and the end. */
function growth(samples) {
  const warm = samples[Math.max(1, Math.floor((samples.length - 1) / 3))];
  const last = samples[samples.length - 1];
  return Object.keys(SLACK).filter((key) => last[key] - warm[key] > SLACK[key]);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    backend: { type: "string", multiple: true, default: ["wasm", "webgpu"] },
    scale: { type: "string", default: "1" },
  },
});
const runs = { cycles, losses, frames, calls };
const names = positionals.length > 0 ? positionals : Object.keys(runs);
for (const backend of values.backend) {
  for (const name of names) {
    const started = performance.now();
    const samples = await runs[name](backend, Number(values.scale));
    if (!samples) continue;
    const grew = growth(samples);
    if (grew.length > 0) process.exitCode = 1;
    const seconds = Math.round((performance.now() - started) / 100) / 10;
    const peakMb = Math.round(process.resourceUsage().maxRSS / 1000);
    console.log(JSON.stringify({ run: name, backend, grew, seconds, peakMb, samples }));
  }
}
// What the last model leaves to the collector ends by itself: nothing is left to wait for.
