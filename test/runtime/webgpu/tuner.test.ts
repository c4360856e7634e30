/** Tuning: what is measured and kept, that a wrong kernel never wins, that a kept table spares the measuring. */

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ConvKernel, conv2dNaive } from "../../../src/kernels/wgsl/index.js";
import type { Graph } from "../../../src/ops/index.js";
import type { TuneOptions, TuneReport } from "../../../src/runtime/backend.js";
import { TuningTable, tuningKey, USUAL } from "../../../src/runtime/webgpu/choose/tuningTable.js";
import { ConstantCache } from "../../../src/runtime/webgpu/device/constantCache.js";
import { DeviceContext } from "../../../src/runtime/webgpu/device/deviceContext.js";
import { PipelineCache } from "../../../src/runtime/webgpu/device/pipelineCache.js";
import { CONV_KERNELS, type TuningStore, type WebGpuBackend } from "../../../src/runtime/webgpu/index.js";
import { beats, tune } from "../../../src/runtime/webgpu/tune/tuner.js";
import { compare } from "../../../src/tensor/index.js";
import { tinyNetwork } from "../../support/blocks.js";
import { randomTensor } from "../../support/random.js";
import { openBackend, webgpuOrSkip } from "../../support/webgpu.js";

const gpu = await webgpuOrSkip();
const GRAPH: Graph = tinyNetwork(16, 32);
const INPUTS = [randomTensor([1, 3, 32, 32], 3)];

/** Keeps tables in memory, and which were asked for. */
class MemoryStore implements TuningStore {
  readonly tables = new Map<string, string>();
  readonly asked: string[] = [];
  async load(key: string) {
    this.asked.push(key);
    return this.tables.get(key);
  }
  async save(key: string, text: string) {
    this.tables.set(key, text);
  }
}

describe.skipIf(!gpu)("tuning", () => {
  const open: WebGpuBackend[] = [];
  afterEach(() => {
    for (const backend of open.splice(0)) backend.dispose();
  });

  async function tuned(tuningStore: TuningStore) {
    if (!gpu) throw new Error("no adapter");
    const backend = await openBackend(gpu, { tuningStore });
    open.push(backend);
    const reports: TuneReport[] = [];
    const kernels: string[] = [];
    const executable = await backend.compile(GRAPH, {
      tune: { onReport: (report) => reports.push(report), onProgress: ({ kernel }) => kernels.push(kernel) },
    });
    return { backend, executable, report: reports[0], kernels };
  }

  it("measures every shape once, stores the result, and changes no numbers", async () => {
    const store = new MemoryStore();
    const first = await tuned(store);
    expect(first.report.shapes).toBeGreaterThan(5);
    expect(first.report.tunedMs).toBeLessThanOrEqual(first.report.usualMs);
    expect(first.report.rejected).toEqual([]);
    expect(first.kernels.length).toBeGreaterThan(2);
    const [text] = store.tables.values();
    expect(Object.keys(JSON.parse(text))).toHaveLength(first.report.shapes);

    const usual = await first.backend.compile(GRAPH, {});
    const [plain] = await (await openPlain()).run(INPUTS);
    for (const executable of [first.executable, usual]) {
      expect(compare((await executable.run(INPUTS))[0], plain).nmse).toBeLessThanOrEqual(1e-10);
    }
    // The next start finds the table and measures nothing.
    const second = await tuned(store);
    expect(second.report.shapes).toBe(0);
    expect(second.kernels).toEqual([]);
  });

  async function openPlain() {
    if (!gpu) throw new Error("no adapter");
    const backend = await openBackend(gpu);
    open.push(backend);
    return backend.compile(GRAPH);
  }

  it("uses a stored table, and skips damaged entries", async () => {
    const store = new MemoryStore();
    const { backend } = await tuned(store);
    const [[key, text]] = store.tables;
    const problems = Object.keys(JSON.parse(text));
    store.tables.set(
      key,
      JSON.stringify({ ...Object.fromEntries(problems.map((p) => [p, "conv2d_naive"])), x: 7, y: "z" }),
    );
    const again = await tuned(store);
    expect(again.report.shapes).toBe(0);
    const kernels = new Set(
      (await again.executable.profile(INPUTS)).flatMap((t) => (t.type === "conv2d" && t.flops > 0 ? [t.kernel] : [])),
    );
    expect([...kernels]).toEqual(["conv2d_naive"]);
    expect(backend.software ? kernels.has("conv2d_subgroup 4x16") : false).toBe(false);
    for (const broken of ["{", "null", "[]", '"text"', '{"a":{}}']) {
      store.tables.set(key, broken);
      expect((await tuned(store)).report.shapes).toBe(problems.length);
    }
  });

  it("keeps the results of another process", async () => {
    if (!gpu) return;
    const store = new MemoryStore();
    const backend = await openBackend(gpu, { tuningStore: store });
    open.push(backend);
    const onProgress = () => store.tables.set(store.asked[0], JSON.stringify({ elsewhere: USUAL }));
    await backend.compile(GRAPH, { tune: { onProgress } });
    expect(store.asked).toHaveLength(2);
    const kept = Object.keys(JSON.parse(store.tables.get(store.asked[0]) ?? "{}"));
    expect(kept).toContain("elsewhere");
    expect(kept.length).toBeGreaterThan(5);
  });

  it("stops on request without saving", async () => {
    if (!gpu) return;
    const store = new MemoryStore();
    const backend = await openBackend(gpu, { tuningStore: store });
    open.push(backend);
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error("enough"));
    const work = backend.compile(GRAPH, { tune: { onProgress, signal: controller.signal } });
    await expect(work).rejects.toThrow("enough");
    expect(store.tables.size).toBe(0);
  });
});

function kernelNamed(name: string): ConvKernel {
  const kernel = CONV_KERNELS.get(name);
  if (!kernel) throw new Error(`no kernel ${name}`);
  return kernel;
}

it.each([
  ["a clear win", 0.6, 1, 0.002, true],
  ["within noise", 0.98, 1, 0.002, false],
  ["slower", 1.1, 1, 0.002, false],
  ["half of the shortest time there is", 0.001, 0.002, 0.002, true],
  ["a step of a clock that browsers round", 0.1, 0.2, 0.1, true],
  ["nothing, on such a clock", 0, 0.1, 0.1, false],
  ["less than a step of it", 0.75, 0.8, 0.1, false],
] as const)("takes %s for what it is", (_, ms, usualMs, shortest, wins) => {
  expect(beats(ms, usualMs, shortest)).toBe(wins);
});

describe.skipIf(!gpu)("a competition", () => {
  let context: DeviceContext;
  beforeEach(async () => {
    if (gpu) context = await DeviceContext.create({ gpu });
  });
  afterEach(() => context?.dispose());

  const run = async (candidates: ReadonlyMap<string, ConvKernel>, options: TuneOptions = {}) => {
    const tuning = new TuningTable(tuningKey(context));
    const services = { context, pipelines: new PipelineCache(context), constants: new ConstantCache(context) };
    const reports: TuneReport[] = [];
    await tune(
      { graph: GRAPH, half: false, services, table: tuning, usual: () => conv2dNaive, candidates },
      { ...options, onReport: (report) => reports.push(report) },
    );
    return { report: reports[0], table: JSON.parse(tuning.text()) as Record<string, string> };
  };

  it("is never won by a kernel with wrong results, however fast", async () => {
    const direct = kernelNamed("conv2d_direct");
    // Computes one workgroup only, and is done in no time.
    const wrong: ConvKernel = { ...direct, call: (p) => ({ ...direct.call(p), workgroups: [1, 1, 1] }) };
    const { report, table } = await run(new Map([["conv2d_direct", wrong]]));
    expect(report.rejected).toEqual(["conv2d_direct"]);
    expect(report.changed).toBe(0);
    expect(new Set(Object.values(table))).toEqual(new Set([USUAL]));
  });

  it("is not won by a kernel whose one wrong element does not show in the network's outputs", async () => {
    const direct = kernelNamed("conv2d_direct");
    const nearly: ConvKernel = {
      ...direct,
      // One layer only, the first.
      supports: (problem) => problem.input.quads === 1,
      call(problem) {
        const call = direct.call(problem);
        const source = call.kernel.source.replace(
          "y[at] = stored(value);",
          "y[at] = stored(value + vec4f(select(0.0, 2e-4, at == 0u)));",
        );
        expect(source).not.toBe(call.kernel.source);
        return { ...call, kernel: { ...call.kernel, source } };
      },
    };
    const { report, table } = await run(new Map([["nearly", nearly]]));
    expect(report.changed).toBe(0);
    expect(new Set(Object.values(table))).toEqual(new Set([USUAL]));
  });

  it("continues without a kernel that this device does not compile", async () => {
    const direct = kernelNamed("conv2d_direct");
    const broken: ConvKernel = {
      ...direct,
      call(problem) {
        const call = direct.call(problem);
        return { ...call, kernel: { ...call.kernel, source: `${call.kernel.source}\nlet` } };
      },
    };
    const { report } = await run(new Map([["broken", broken]]));
    expect(report.rejected).toEqual(["broken"]);
    expect(report.changed).toBe(0);
  });

  it("that runs out of time leaves the rest for the next", async () => {
    const { report, table } = await run(new Map([["conv2d_direct", kernelNamed("conv2d_direct")]]), { seconds: 0 });
    expect([report.complete, report.changed]).toEqual([false, 0]);
    expect(table).toEqual({});
  });

  it("has another key if shaders, adapter or kernels change", () => {
    const key = tuningKey(context);
    expect(tuningKey(context)).toBe(key);
    expect(key).toContain(context.identity);
    const changed = new Map([...CONV_KERNELS].map(([name, kernel]) => [name, { ...kernel, text: `${kernel.text} ` }]));
    expect(tuningKey(context, changed)).not.toBe(key);
    expect(tuningKey(context, new Map([...CONV_KERNELS].slice(1)))).not.toBe(key);
  });
});
