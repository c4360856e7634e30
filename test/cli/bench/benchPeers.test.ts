/** `bench --peers`: which peers, their processes, the comparison before any timing, and the ratios. */

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { OwnEngine } from "../../../src/cli/bench/engine.js";
import { type BenchRow, measure, rowOf } from "../../../src/cli/bench/measure.js";
import {
  choosePeers,
  INSTALL_PEERS,
  type PeerKind,
  peerName,
  peersFolder,
} from "../../../src/cli/bench/peers/catalogue.js";
import { checkOutputs } from "../../../src/cli/bench/peers/checkOutputs.js";
import { openPeer } from "../../../src/cli/bench/peers/openPeer.js";
import { ratioLines, ratiosOf } from "../../../src/cli/bench/peers/ratios.js";
import { GraphBuilder } from "../../../src/ops/index.js";
import { tensor } from "../../../src/tensor/index.js";
import { cli, scratchFolder } from "../support.js";

const folder = await scratchFolder();

/** A folder as bench/peers, with packages that are only names. */
async function peersAt(name: string, packages: readonly string[], worker = ""): Promise<string> {
  const path = join(folder, name);
  await mkdir(path, { recursive: true });
  await writeFile(join(path, "worker.mjs"), worker);
  for (const each of packages) await mkdir(join(path, "node_modules", each), { recursive: true });
  return path;
}

describe("choosing", () => {
  const names = (peers: readonly PeerKind[]): string[] => peers.map(peerName);

  test("selects all peers for a GPU backend, CPU peers for others, or the named ones", async () => {
    const path = await peersAt("both", ["onnxruntime-node", "onnxruntime-web"]);
    const all = ["onnxruntime-node/webgpu", "onnxruntime-web/webgpu", "onnxruntime-node/cpu", "onnxruntime-web/wasm"];
    expect(names(choosePeers([], true, path).peers)).toEqual(all);
    expect(names(choosePeers([], false, path).peers)).toEqual(["onnxruntime-node/cpu", "onnxruntime-web/wasm"]);
    expect(names(choosePeers(["onnxruntime-web/webgpu"], false, path).peers)).toEqual(["onnxruntime-web/webgpu"]);
    expect(choosePeers([], true, path).notes).toEqual([]);
  });

  test("says how to install what is missing", async () => {
    const none = choosePeers([], true, await peersAt("none", []));
    expect(none.peers).toEqual([]);
    expect(none.notes).toEqual([`no peer is installed in bench/peers; run "${INSTALL_PEERS}" first`]);
    const one = choosePeers([], false, await peersAt("one", ["onnxruntime-web"]));
    expect(names(one.peers)).toEqual(["onnxruntime-web/wasm"]);
    expect(one.notes).toEqual([`onnxruntime-node is not installed in bench/peers; run "${INSTALL_PEERS}" first`]);
    expect(choosePeers([], true, undefined).notes[0]).toContain("checkout");
  });

  test("the repository contains the worker", () => {
    expect(peersFolder()).toMatch(/bench.peers$/);
  });

  test("refuses unknown names", async () => {
    const { code, stderr } = await cli(["bench", "--peers", "tensorflow"]);
    expect(code).toBe(2);
    expect(stderr).toContain("onnxruntime-node/webgpu");
  });
});

/** Our own engine, whose outputs are 1, 2, 3, 4. */
function own(): OwnEngine {
  const values = tensor("float32", [1, 1, 2, 2], Float32Array.of(1, 2, 3, 4));
  const builder = new GraphBuilder();
  const x = builder.input("x", values);
  const graph = builder.finish([builder.add("scale", "s", [x], { factor: 1 })]);
  return {
    engine: "yolov5-ts",
    backend: "wasm",
    model: "m",
    dtype: "float32",
    adapter: undefined,
    coldMs: 1,
    imgsz: [2, 2],
    batch: 1,
    flops: 8e6,
    subject: { input: values, outputs: [values], graph: () => graph },
    run: async () => undefined,
    peakBytes: async () => undefined,
    dispose: () => undefined,
  };
}

const PEER: PeerKind = { engine: "onnxruntime-web", backend: "wasm", cpu: true };

/** A worker that answers `open` by `body`, and every other method with 4 ms. */
const worker = (body: string): string => `
process.on("message", ({ id, method, params }) => {
  if (method === "open") { ${body} } else process.send({ id, result: 4 });
});
process.on("disconnect", () => process.exit(0));`;

const open = async (name: string, body: string) => {
  const path = await peersAt(name, [], worker(body));
  return openPeer(PEER, own(), { folder: path, model: "model.onnx", threads: 3 });
};

describe("a peer's process", () => {
  const answer = (data: string, shape = "params.input.shape"): string =>
    `process.send({ id, result: { coldMs: params.threads, outputs: [{ data: ${data}, shape: ${shape} }] } });`;

  test("is opened with the input and times itself", async () => {
    const { engine, refused } = await open("good", answer("params.input.data.map((v) => v + 0.001)"));
    expect(refused).toBeUndefined();
    if (!engine) return;
    expect(engine).toMatchObject({
      engine: "onnxruntime-web",
      backend: "wasm",
      threads: 3,
      coldMs: 3,
      dtype: "float32",
    });
    const { signal } = new AbortController();
    const [times] = await measure([engine], { iterations: 3, warmup: 1, seconds: 9, pauseMs: 1, signal });
    expect(times).toEqual([4, 4, 4]);
    const row = await rowOf(engine, times);
    expect(row).toMatchObject({ medianMs: 4, fps: 250, gflopsPerSecond: 2, threads: 3 });
    expect(row.maxDifference).toBeCloseTo(0.001, 5);
    engine.dispose();
    await expect(engine.run()).rejects.toThrow("ended");
  });

  test("is not timed if its outputs differ from ours", async () => {
    const { refused } = await open("wrong", answer("params.input.data.map((v, i) => (i === 2 ? v + 0.1 : v))"));
    expect(refused).toMatchObject({ engine: "onnxruntime-web/wasm", model: "m", wrong: true });
    expect(refused?.reason).toMatch(/its output 0 differs from ours: 3\.0999\d+ where ours is 3 \(element 2\)/);
    const shape = await open("shape", answer("params.input.data", "[4]"));
    expect(shape.refused).toMatchObject({ wrong: true, reason: "its outputs are [4], not [1,1,2,2]" });
  });

  test("is reported with its own message if it refuses or crashes", async () => {
    const refusing = await open("refusing", 'process.send({ id, error: "no adapter" });');
    expect(refusing.refused).toMatchObject({ wrong: false, reason: "no adapter" });
    const crashing = await open("crashing", 'process.stderr.write("out of\\nmemory\\n", () => process.exit(7));');
    expect(crashing.refused).toMatchObject({
      wrong: false,
      reason: "its process ended with exit code 7: out of memory",
    });
  });
});

describe("comparison", () => {
  const rows = (...values: number[]) => [tensor("float32", [1, values.length / 2, 2], Float32Array.from(values))];
  const problem = (actual: number[], expected: number[], dtype: "float32" | "float16" | "int8"): string | undefined =>
    checkOutputs(rows(...actual), rows(...expected), dtype).problem;

  test("compares each column by its own scale", () => {
    // A pixel column and a score column: what is rounding in one is an error in the other.
    expect(problem([600.5, 0.5, 3.1, 0.1], [600, 0.5, 3, 0.1], "float32")).toBeUndefined();
    expect(problem([600, 0.5, 3, 0.11], [600, 0.5, 3, 0.1], "float32")).toContain("(element 3)");
    expect(problem([610, 0.5, 3, 0.1], [600, 0.5, 3, 0.1], "float32")).toContain("(element 0)");
  });

  test("is coarser for float16", () => {
    expect(problem([600, 0.5, 3, 0.11], [600, 0.5, 3, 0.1], "float16")).toBeUndefined();
    expect(problem([600, 0.5, 3, 0.2], [600, 0.5, 3, 0.1], "float16")).toContain("(element 3)");
  });

  test("for int8, a few scores may go either way, many may not", () => {
    const expected = Array.from({ length: 4000 }, (_, i) => (i % 2 === 0 ? 600 : 0.5));
    const off = (count: number): number[] => expected.map((value, i) => (i % 2 === 1 && i < 2 * count ? 0.9 : value));
    expect(problem(off(4), expected, "int8")).toBeUndefined();
    expect(problem(off(5), expected, "int8")).toContain("(element 1)");
    expect(problem([Number.NaN, ...expected.slice(1)], expected, "int8")).toContain("(element 0)");
  });

  test("NaN never passes", () => {
    expect(problem([600, Number.NaN], [600, 0.5], "float16")).toContain("NaN");
    expect(problem([600, Number.POSITIVE_INFINITY], [600, 0.5], "float16")).toContain("Infinity");
  });
});

test("ratios: own rows over peers of the same model, size and batch", () => {
  const row = (engine: string, backend: string, model: string, medianMs: number): BenchRow => ({
    engine,
    backend,
    model,
    medianMs,
    dtype: "float32",
    imgsz: [640, 640],
    batch: 1,
    threads: null,
    coldMs: 1,
    p95Ms: 1,
    minMs: 1,
    fps: 1,
    gflopsPerSecond: null,
    peakBytes: null,
    maxDifference: null,
    coldStages: null,
    perFrame: null,
    runs: 1,
  });
  const ratios = ratiosOf([
    row("yolov5-ts", "webgpu", "n", 10),
    row("yolov5-ts", "wasm", "n", 20),
    row("yolov5-ts", "wasm", "s", 40),
    row("onnxruntime-node", "webgpu", "n", 25),
    { ...row("onnxruntime-web", "wasm", "s", 20), batch: 2 },
  ]);
  expect(ratios).toEqual([
    { engine: "yolov5-ts/webgpu", over: "onnxruntime-node/webgpu", model: "n", medianOverMedian: 2.5 },
    { engine: "yolov5-ts/wasm", over: "onnxruntime-node/webgpu", model: "n", medianOverMedian: 1.25 },
  ]);
  expect(ratioLines(ratios)[0]).toBe("yolov5-ts/webgpu is 2.50× as fast as onnxruntime-node/webgpu");
});

test("the command measures this engine and says that peers are missing, or adds their rows and ratios", async () => {
  const size = ["--imgsz", "64", "--iterations", "1", "--warmup", "0", "--threads", "1"];
  const argv = ["bench", "--weights", "codes", "--backend", "wasm", ...size, "--peers", "--json", "-"];
  const { code, stdout, stderr } = await cli(argv);
  expect(code).toBe(0);
  const { rows, ratios, refused } = JSON.parse(stdout);
  expect(rows[0]).toMatchObject({ engine: "yolov5-ts", backend: "wasm", threads: 1 });
  expect(refused).toEqual([]);
  const peers = rows.slice(1).map((row: { engine: string; backend: string }) => `${row.engine}/${row.backend}`);
  expect(ratios.map((ratio: { over: string }) => ratio.over)).toEqual(peers);
  if (peers.length < 2) expect(stderr).toContain(INSTALL_PEERS);
  else expect(peers).toEqual(["onnxruntime-node/cpu", "onnxruntime-web/wasm"]);
});
