/**
 * Drives the bench in Chromium. Every number of threads has a page of its own, cross-origin isolated; in it the engines
 * take turns, round by round. The peer gets the same weights as an ONNX file that the exporter writes, and its outputs are
 * compared before anything is timed.
 */

import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import type { Browser, Page } from "playwright-core";
import type { BenchEngine } from "../../src/cli/bench/engine.js";
import { measure, rowOf } from "../../src/cli/bench/measure.js";
import { ratioLines, ratiosOf } from "../../src/cli/bench/peers/ratios.js";
import { benchTable } from "../../src/cli/bench/report.js";
import { exportOnnx } from "../../src/onnx/index.js";
import { graphFlops, optimize } from "../../src/ops/index.js";
import { createCpuBackend } from "../../src/runtime/cpu/backend.js";
import { createMember, openModel } from "../../src/yolov5/loadModel.js";
import { launchChromium } from "../../test/browser/support/chromium.js";
import { ISOLATION, type Site, serveSite } from "../../test/browser/support/server.js";
import { REPOSITORY } from "../../test/support/reference.js";
import type { BenchWindow, OpenRequest } from "./page.js";

/** Execution provider of onnxruntime-web that stands beside each of our backends. */
const PEER_OF: Readonly<Record<string, string>> = { wasm: "wasm", webgpu: "webgpu", gpujs: "webgl" };
/** Long enough for the spinning threads of the engine before to go to sleep. */
const PAUSE_MS = 50;

const { values } = parseArgs({
  // `--threads 1 2` as in the other bench: a flag before each value for the parser.
  args: repeatFlags(process.argv.slice(2)),
  options: {
    weights: { type: "string" },
    backend: { type: "string", multiple: true, default: ["wasm"] },
    threads: { type: "string", multiple: true, default: ["1"] },
    imgsz: { type: "string", default: "640" },
    iterations: { type: "string", default: "30" },
    warmup: { type: "string", default: "3" },
    seconds: { type: "string", default: "120" },
    /** No peers: only this engine's backends beside each other. */
    own: { type: "boolean", default: false },
    json: { type: "string" },
  },
});

function repeatFlags(args: readonly string[]): string[] {
  let flag = "";
  return args.flatMap((arg, i) => {
    if (arg.startsWith("--")) {
      flag = arg;
      return [arg];
    }
    return i > 0 && args[i - 1] !== flag ? [flag, arg] : [arg];
  });
}

/** Writes the ONNX file. @returns floating-point operations of one run */
async function exportModel(weights: string, size: number, path: string): Promise<number> {
  const backend = createCpuBackend();
  const member = createMember(openModel(await readFile(weights), { path: weights }), backend, {
    path: weights,
    dtype: "float32",
  });
  const graph = optimize(member.network.build([1, 3, size, size]).graph);
  await writeFile(path, exportOnnx(graph));
  backend.dispose();
  return graphFlops(graph);
}

interface Subject {
  readonly model: string;
  readonly size: number;
  readonly flops: number;
}

/** @throws Error where the outputs are not ours. */
async function openEngine(page: Page, index: number, request: OpenRequest, subject: Subject): Promise<BenchEngine> {
  const opened = await page.evaluate((wanted) => (globalThis as unknown as BenchWindow).openEngine(wanted), request);
  if (opened.problem !== undefined) throw new Error(opened.problem);
  const time = (): Promise<number> => page.evaluate((i) => (globalThis as unknown as BenchWindow).timeEngine(i), index);
  return {
    engine: request.engine,
    backend: request.backend,
    model: subject.model,
    dtype: "float32",
    adapter: opened.adapter,
    threads: request.backend === "wasm" ? request.threads : undefined,
    maxDifference: opened.maxDifference,
    coldMs: opened.coldMs,
    imgsz: request.imgsz,
    batch: 1,
    flops: subject.flops,
    run: time,
    time,
    peakBytes: async () => undefined,
    dispose: () => undefined,
  };
}

/** One page: our backends and the peer of each, interleaved. */
async function benchPage(browser: Browser, site: Site, threads: number, subject: Subject): Promise<object> {
  const page = await browser.newPage();
  await page.goto(`${site.origin}/`);
  await page.waitForSelector("body[data-ready]");
  const imgsz = [subject.size, subject.size] as const;
  const engines: BenchEngine[] = [];
  const open = async (engine: OpenRequest["engine"], backend: string): Promise<void> => {
    console.log(`opening ${engine}/${backend}, ${threads} thread${threads === 1 ? "" : "s"}`);
    try {
      engines.push(await openEngine(page, engines.length, { engine, backend, threads, imgsz }, subject));
    } catch (error) {
      if (engine === "yolov5-ts") throw error;
      console.log(
        `${engine}/${backend} is not timed: ${error instanceof Error ? error.message.split("\n")[0] : error}`,
      );
    }
  };
  for (const backend of values.backend) await open("yolov5-ts", backend);
  for (const backend of values.own ? [] : values.backend)
    if (PEER_OF[backend]) await open("onnxruntime-web", PEER_OF[backend]);
  const times = await measure(engines, {
    iterations: Number(values.iterations),
    warmup: Number(values.warmup),
    seconds: Number(values.seconds),
    signal: new AbortController().signal,
    pauseMs: PAUSE_MS,
  });
  const rows = await Promise.all(engines.map((engine, i) => rowOf(engine, times[i])));
  const ratios = ratiosOf(rows).filter(({ engine, over }) => over.endsWith(`/${PEER_OF[engine.split("/")[1]]}`));
  for (const line of [...benchTable(rows), ...ratioLines(ratios)]) console.log(line);
  await page.close();
  const adapters = [...new Set(engines.flatMap(({ adapter }) => adapter ?? []))];
  const cpu = cpus()[0]?.model.trim() ?? "unknown";
  const device = {
    adapter: adapters.join(", "),
    cpu,
    cores: availableParallelism(),
    node: process.versions.node,
    browser: `Chromium ${browser.version()}`,
  };
  return { device, rows, ratios };
}

const { weights } = values;
const ort = join(REPOSITORY, "bench/peers/node_modules/onnxruntime-web/dist");
if (weights === undefined || !existsSync(weights)) throw new Error("--weights names no file; give a checkpoint's path");
if (!existsSync(ort)) throw new Error("onnxruntime-web is missing; run: npm ci --prefix bench/peers --ignore-scripts");
const folder = await mkdtemp(join(tmpdir(), "yolov5-bench-"));
const size = Number(values.imgsz);
const flops = await exportModel(weights, size, join(folder, "model.onnx"));
await writeFile(join(folder, "weights"), await readFile(weights));
const site = await serveSite([
  { at: "/dist/", from: join(REPOSITORY, "dist"), headers: ISOLATION },
  { at: "/ort/", from: ort, headers: ISOLATION },
  { at: "/model/", from: folder, headers: ISOLATION },
  { at: "/", from: join(REPOSITORY, "bench/browser"), headers: ISOLATION },
  { at: "/", from: join(REPOSITORY, ".cache/benchBrowser"), headers: ISOLATION },
]);
const browser = await launchChromium();
try {
  console.log(`Chromium ${browser.version()}`);
  for (const threads of values.threads) {
    const run = await benchPage(browser, site, Number(threads), { model: basename(weights), size, flops });
    if (values.json) await writeFile(`${values.json}-${threads}.json`, JSON.stringify(run, null, 2));
  }
} finally {
  await browser.close();
  await site.close();
  await rm(folder, { recursive: true, force: true });
}
