/** `yolov5 bench`: the contract's rows from real runs, and the statistics. */

import { describe, expect, test } from "vitest";
import { ColdStart, coldLine } from "../../../src/cli/bench/cold.js";
import type { BenchEngine } from "../../../src/cli/bench/engine.js";
import { frameWork, frameWorkLine } from "../../../src/cli/bench/frameWork.js";
import { benchInput } from "../../../src/cli/bench/input.js";
import { floorMs, profileLayers } from "../../../src/cli/bench/layers.js";
import { measure, quantile, rowOf } from "../../../src/cli/bench/measure.js";
import { webgpuOrSkip } from "../../support/webgpu.js";
import { cli, EXAMPLE } from "../support.js";

describe("yolov5 bench", () => {
  test("reports rows, device and layers", async () => {
    const argv = [
      "bench",
      "--weights",
      "codes",
      "--backend",
      "cpu",
      "--imgsz",
      "64",
      "--iterations",
      "3",
      "--warmup",
      "1",
    ];
    const { code, stdout, stderr } = await cli([...argv, "--layers", "--json", "-"]);
    expect(code).toBe(0);
    const { device, rows, ratios, layers } = JSON.parse(stdout);
    expect(Object.keys(device).sort()).toEqual(["adapter", "cores", "cpu", "node"]);
    expect(device.node).toBe(process.versions.node);
    expect(ratios).toEqual([]);
    expect(rows).toHaveLength(1);
    const [row] = rows;
    expect(row).toMatchObject({
      engine: "yolov5-ts",
      backend: "cpu",
      model: "codes",
      dtype: "float32",
      imgsz: [64, 64],
      batch: 1,
      runs: 3,
    });
    expect(row.perFrame).toBeNull();
    expect(Object.keys(row.coldStages)).toEqual(["open", "device", "graph", "firstRun"]);
    for (const key of ["coldMs", "medianMs", "p95Ms", "fps", "gflopsPerSecond", "peakBytes"]) {
      expect(row[key]).toBeGreaterThan(0);
    }
    expect(row.p95Ms).toBeGreaterThanOrEqual(row.medianMs);
    expect(layers[0]).toMatchObject({ peaks: null, totalFloorMs: null });
    expect(layers[0].nodes.length).toBeGreaterThan(60);
    expect(stderr).toMatch(/^engine +backend +model /m);
    expect(stderr).toMatch(/^model\.0\.conv +reference +[\d.]+ /m);
  });

  test("interleaves several models, and takes a picture as input and a batch size", async () => {
    const argv = ["bench", "--weights", "codes", "codes", "--device", "cpu", "--imgsz", "64", "--iterations", "1"];
    const { code, stdout } = await cli([...argv, "--warmup", "0", "--batch", "2", "--source", EXAMPLE, "--json", "-"]);
    expect(code).toBe(0);
    const { rows } = JSON.parse(stdout);
    expect(rows.map((row: { batch: number }) => row.batch)).toEqual([2, 2]);
    expect(rows[0].fps).toBeCloseTo(2000 / rows[0].medianMs, 6);
  });
});

const gpu = await webgpuOrSkip();

describe("yolov5 bench, details", () => {
  const argv = ["bench", "--weights", "codes", "--imgsz", "64", "--iterations", "2", "--warmup", "1", "--json", "-"];

  test("reports the cold start by stage", async () => {
    const { code, stdout, stderr } = await cli([...argv, "--backend", "wasm", "--threads", "1"]);
    expect(code).toBe(0);
    const [row] = JSON.parse(stdout).rows;
    expect(row.perFrame).toBeNull();
    const stages = Object.entries<number>(row.coldStages);
    expect(stages.map(([name]) => name)).toEqual([
      "open",
      "device",
      "graph",
      "lowering",
      "kernels",
      "weights",
      "firstRun",
    ]);
    for (const [, ms] of stages) expect(ms).toBeGreaterThanOrEqual(0);
    expect(stages.reduce((sum, [, ms]) => sum + ms, 0)).toBeCloseTo(row.coldMs, 6);
    expect(stderr).toMatch(/^codes float32 on wasm, cold ms: open file [\d.]+, device [\d.]+, .*, first run [\d.]+$/m);
    expect(stderr).not.toContain("dispatches");
  });

  test.skipIf(!gpu)("reports a GPU's work per frame, in which nothing is created", async () => {
    const { code, stdout, stderr } = await cli([...argv, "--backend", "webgpu"]);
    expect(code).toBe(0);
    const [{ perFrame, coldStages, dtype }] = JSON.parse(stdout).rows;
    expect(dtype).toBe("float32");
    expect(Object.keys(coldStages)).toContain("kernels");
    expect(perFrame).toMatchObject({ submits: 1, buffersCreated: 0, pipelinesCreated: 0, bindGroupsCreated: 0 });
    expect(perFrame.dispatches).toBeGreaterThan(40);
    // The predictions, [1, rows, 5 + classes] floats.
    expect(perFrame.bytesRead % (4 * 84)).toBe(0);
    expect(stderr).toMatch(/ dispatches {2}submits /);
    expect(stderr).toMatch(
      /^codes float32 on webgpu, per frame: \d+ dispatches, 1 submit, .* read back, nothing created$/m,
    );
  });

  /** What both backends must say with `--layers`. */
  function checkLayers({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }): void {
    const [profile] = JSON.parse(stdout).layers;
    const { peaks, nodes, totalMs, totalFloorMs } = profile;
    for (const peak of ["gflopsPerSecond", "gbPerSecond"]) expect(peaks[peak]).toBeGreaterThan(0);
    for (const node of nodes) expect(node.floorMs).toBeCloseTo(floorMs(node, peaks), 9);
    const sum = (key: "ms" | "floorMs"): number =>
      nodes.reduce((total: number, node: Record<string, number>) => total + node[key], 0);
    expect(totalMs).toBeCloseTo(sum("ms"), 6);
    expect(totalFloorMs).toBeCloseTo(sum("floorMs"), 9);
    expect(totalFloorMs).toBeGreaterThan(0);
    expect(stderr).toMatch(/^device peaks, measured now: [\d.]+ GFLOP\/s, [\d.]+ GB\/s; floor: /m);
    expect(stderr).toMatch(/^node +kernel +ms +GFLOP\/s +GB\/s +share +floor ms +of floor$/m);
    expect(stderr).toMatch(/^\d+ nodes, [\d.]+ ms, floor [\d.]+ ms, [\d.]+ %$/m);
  }

  test("lists layers with their lower bounds on wasm", async () => {
    checkLayers(await cli([...argv, "--backend", "wasm", "--threads", "1", "--layers"]));
  });

  test.skipIf(!gpu)("lists layers with their lower bounds on webgpu", async () => {
    checkLayers(await cli([...argv, "--backend", "webgpu", "--layers"]));
  });

  test("the lower bound is the longer of arithmetic and memory traffic", () => {
    const node = { name: "a", type: "conv2d", kernel: "k", ms: 1, flops: 4e6, bytes: 1e6 } as const;
    expect(floorMs(node, { gflopsPerSecond: 2, gbPerSecond: 1 })).toBe(2);
    expect(floorMs({ ...node, bytes: 5e6 }, { gflopsPerSecond: 2, gbPerSecond: 1 })).toBe(5);
  });

  test("takes the best of several profiles, node by node", async () => {
    const times = [
      [3, 1],
      [1, 3],
      [2, 2],
      [2, 2],
      [2, 2],
    ];
    const engine: BenchEngine = {
      engine: "e",
      backend: "cpu",
      model: "m",
      dtype: "float32",
      adapter: undefined,
      coldMs: 1,
      imgsz: [64, 64],
      batch: 1,
      flops: 1,
      run: async () => [],
      profile: async () =>
        (times.shift() ?? []).map((ms) => ({
          name: "n",
          type: "activation" as const,
          kernel: "k",
          ms,
          flops: 1,
          bytes: 1,
        })),
      peakBytes: async () => undefined,
      dispose: () => undefined,
    };
    const profile = await profileLayers(engine);
    expect(profile?.nodes.map(({ ms }) => ms)).toEqual([1, 1]);
    expect(profile).toMatchObject({ totalMs: 2, peaks: null, totalFloorMs: null });
    expect(times).toEqual([]);
  });

  test("work per frame is a mean and includes created objects", () => {
    const nothing = {
      dispatches: 5,
      submits: 2,
      bytesRead: 7,
      buffersCreated: 4,
      pipelinesCreated: 3,
      bindGroupsCreated: 3,
    };
    const after = { ...nothing, dispatches: 25, submits: 4, bytesRead: 4007, buffersCreated: 5 };
    const work = frameWork(nothing, after, 2);
    expect(work).toMatchObject({
      dispatches: 10,
      submits: 1,
      bytesRead: 2000,
      buffersCreated: 0.5,
      pipelinesCreated: 0,
    });
    expect(frameWorkLine(work)).toBe("10 dispatches, 1 submit, 2 kB read back, 0.50 buffers created");
  });

  test("nested stages count once", async () => {
    const cold = new ColdStart();
    await cold.time("firstRun", async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      cold.add("kernels", 15);
    });
    expect(cold.times.kernels).toBe(15);
    expect(cold.times.firstRun).toBeLessThan(cold.totalMs);
    cold.add("kernels", 1);
    expect(coldLine({ kernels: 16, open: 1 })).toBe("open file 1.0, kernels 16.0");
  });
});

test("the input is seeded noise, never zeros", () => {
  const options = { task: "detect", imgsz: [32, 64], stride: 32, batch: 2 } as const;
  const { shape, data } = benchInput(options);
  expect(shape).toEqual([2, 3, 32, 64]);
  expect(benchInput(options).data).toEqual(data);
  expect(new Set(data).size).toBeGreaterThan(1000);
  expect(data.every((value) => value >= 0 && value < 1)).toBe(true);
});

test("quantiles use the nearest rank; an even median is the mean of the middle two", () => {
  const values = Array.from({ length: 20 }, (_, i) => 20 - i);
  expect(quantile(values, 0.5)).toBe(10.5);
  expect(quantile(values, 0.95)).toBe(19);
  expect(quantile([3, 1, 2], 0.5)).toBe(2);
  expect(quantile([7], 0.95)).toBe(7);
});

test("engines take turns, warm-up runs do not count, and the time limit ends a long bench", async () => {
  const order: string[] = [];
  const engine = (name: string): BenchEngine => ({
    engine: name,
    backend: "cpu",
    model: "m",
    dtype: "float32",
    adapter: undefined,
    coldMs: 1,
    imgsz: [64, 64],
    batch: 4,
    flops: 2e6,
    run: async () => {
      order.push(name);
      await new Promise((resolve) => setTimeout(resolve, 2));
      return [];
    },
    peakBytes: async () => undefined,
    dispose: () => undefined,
  });
  const engines = [engine("a"), engine("b")];
  const { signal } = new AbortController();
  const times = await measure(engines, { iterations: 2, warmup: 1, seconds: 60, signal });
  expect(order.join("")).toBe("ababab");
  expect(times.map((list) => list.length)).toEqual([2, 2]);
  const row = await rowOf(engines[0], [2, 4]);
  expect(row).toMatchObject({
    medianMs: 3,
    p95Ms: 4,
    minMs: 2,
    fps: 4000 / 3,
    gflopsPerSecond: 2 / 3,
    peakBytes: null,
  });
  order.length = 0;
  const short = await measure(engines, { iterations: 1000, warmup: 0, seconds: 0.001, signal });
  expect(short[0]).toHaveLength(1);
});
