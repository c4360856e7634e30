/** The WASM backend around its kernels: memory, taps, threads, failures, disposal. */

import { describe, expect, it } from "vitest";
import { DisposedError, LimitError, OptionError, ShapeError, UnsupportedError } from "../../../src/errors.js";
import { openWasm } from "../../../src/node/wasm.js";
import { type Graph, GraphBuilder, type ValueId } from "../../../src/ops/index.js";
import { createCpuBackend } from "../../../src/runtime/cpu/backend.js";
import { createProgram, createWasmBackend, type SpawnWorker } from "../../../src/runtime/wasm/index.js";
import { compare, tensor } from "../../../src/tensor/index.js";
import { CASES } from "../../support/cases/index.js";
import { randomTensor } from "../../support/random.js";
import { loading, modelMemory } from "./support.js";

/** A small detector: stem, residual block, concat, pool, upsample, head; taps at every module. */
function smallGraph(size = 64): Graph {
  const b = new GraphBuilder();
  const conv = (name: string, x: ValueId, o: number, k: number, s = 1): ValueId => {
    const weight = b.constant(`${name}.w`, randomTensor([o, b.shape(x)[1], k, k], o * k, 0.3));
    const id = b.add("conv2d", name, [x, weight, b.constant(`${name}.b`, randomTensor([o], o + k))], {
      stride: [s, s],
      padding: [k >> 1, k >> 1],
      dilation: [1, 1],
      groups: 1,
      activation: { kind: "identity" },
      hasBias: true,
      hasResidual: false,
    });
    const active = b.add("activation", `${name}.act`, [id], { activation: { kind: "silu" } });
    b.tap(name, active);
    return active;
  };
  const x = b.input("images", { shape: [1, 3, size, size], dtype: "float32" });
  const stem = conv("stem", x, 12, 5, 2);
  const down = conv("down", stem, 20, 3, 2);
  const inner = conv("inner", conv("reduce", down, 20, 1), 20, 3);
  const sum = b.add("add", "sum", [down, inner], {});
  b.tap("sum", sum);
  const pooled = b.add("maxPool2d", "pool", [sum], {
    kernel: [5, 5],
    stride: [1, 1],
    padding: [2, 2],
    dilation: [1, 1],
    ceilMode: false,
  });
  const cat = b.add("concat", "cat", [sum, pooled, conv("side", down, 7, 1)], { axis: 1 });
  b.tap("cat", cat);
  const up = b.add("upsampleNearest", "up", [conv("neck", cat, 16, 1)], { scale: [2, 2] });
  const merged = conv("merge", b.add("concat", "cat2", [up, stem], { axis: 1 }), 21, 3);
  const output = b.add("detect", "head", [merged], {
    anchors: [[10, 13, 16, 30, 33, 23]],
    strides: [2],
    outputs: 7,
    maskCoefficients: 0,
  });
  b.tap("head", output);
  return b.finish([output]);
}

const input = (seed: number, size = 64) => randomTensor([1, 3, size, size], seed);

describe("memory", () => {
  const graph = smallGraph();

  it("keeps activations within 1.25 × the live set, far below the sum of all", async () => {
    const backend = await openWasm({ threads: 1 });
    // Large enough that rounding to vectors and alignment do not count.
    const executable = await backend.compile(smallGraph(320));
    const { activationBytes, liveSetBytes, weightBytes } = executable.memory();
    expect(activationBytes).toBeLessThanOrEqual(1.25 * liveSetBytes);
    expect(weightBytes).toBeGreaterThan(0);
    backend.dispose();
  });

  it.each(CASES)("writes nothing outside its storages: $name", async (testCase) => {
    const { graph: caseGraph, inputs } = testCase.build();
    const guard = 256;
    const program = createProgram(caseGraph, new Set(caseGraph.values.map(({ id }) => id)), 1, guard);
    const model = modelMemory();
    const plan = await model.load(program, loading());
    const workspace = await model.place(plan);
    const { floats } = model;
    const bytes = new Uint8Array(floats.buffer, workspace, program.workspaceBytes);
    // What belongs to no storage must come out as it was.
    const free = new Uint8Array(bytes.length);
    for (const { address, bytes: size } of program.arena) free.fill(1, address + size, address + size + guard);
    for (const { address, bytes: size } of program.arena) free.fill(0, address, address + size);
    free.forEach((isFree, at) => {
      if (isFree) bytes[at] = 0xa5;
    });
    program.inputs.forEach(({ dense }, i) => {
      if (dense) floats.set(inputs[i].data as Float32Array, (workspace + dense.storage.address) / 4);
    });
    await model.run(plan, 0, program.steps.length);
    const spoiled = free.findIndex((isFree, at) => isFree === 1 && bytes[at] !== 0xa5);
    expect(spoiled).toBe(-1);
    expect(free.includes(1)).toBe(true);
  });

  it("never places two live storages at the same address", () => {
    const { arena } = createProgram(graph, new Set(), 1);
    for (const a of arena) {
      for (const b of arena) {
        if (a === b || a.first > b.last || b.first > a.last) continue;
        expect(a.address + a.bytes <= b.address || b.address + b.bytes <= a.address).toBe(true);
      }
    }
  });

  it("refuses models beyond 4 GiB with a clear error", async () => {
    const b = new GraphBuilder();
    const x = b.input("x", { shape: [1, 16, 6400, 6400], dtype: "float32" });
    const huge = b.add("upsampleNearest", "up", [x], { scale: [2, 2] });
    const backend = await openWasm({ threads: 1 });
    await expect(backend.compile(b.finish([huge]))).rejects.toThrow(LimitError);
    await expect(backend.compile(b.finish([huge]))).rejects.toThrow(
      /GiB, WebAssembly memory ends at 4 GiB; use a smaller/,
    );
    backend.dispose();
  });
});

describe("calls", () => {
  const graph = smallGraph();

  it("give every tapped layer as the reference computes it", async () => {
    const backend = await openWasm({ threads: 2 });
    const cpu = await createCpuBackend().compile(graph);
    const executable = await backend.compile(graph);
    const names = [...graph.taps.keys()];
    const [actual, wanted] = await Promise.all([executable.tap(names, [input(3)]), cpu.tap(names, [input(3)])]);
    expect([...actual.keys()]).toEqual(names);
    for (const name of names) {
      const [a, w] = [actual.get(name), wanted.get(name)];
      if (!a || !w) throw new Error(`${name} is missing`);
      expect(compare(a, w).nmse, name).toBeLessThan(1e-11);
    }
    await expect(executable.tap(["nowhere"], [input(3)])).rejects.toThrow(/no layer is named nowhere/);
    backend.dispose();
  });

  it("time every node", async () => {
    const backend = await openWasm({ threads: 1 });
    const executable = await backend.compile(graph);
    const timings = await executable.profile([input(1)]);
    expect(timings.map(({ name }) => name)).toContain("head");
    const stem = timings.find(({ name }) => name.startsWith("stem"));
    expect(stem?.kernel).toMatch(/^conv2d_rows silu/);
    expect(stem?.flops).toBe(2 * 12 * 32 * 32 * 3 * 25);
    expect(timings.every(({ ms }) => ms >= 0)).toBe(true);
    backend.dispose();
  });

  it("are queued if they overlap, and two models take turns on the same threads", async () => {
    const backend = await openWasm({ threads: 2 });
    const [one, two] = [await backend.compile(graph), await backend.compile(smallGraph(96))];
    const alone = await one.run([input(1)]);
    const aloneTwo = await two.run([input(2, 96)]);
    const results = await Promise.all(
      Array.from({ length: 12 }, (_, i) => (i % 2 === 0 ? one.run([input(1)]) : two.run([input(2, 96)]))),
    );
    results.forEach(([result], i) => {
      expect(result.data).toEqual((i % 2 === 0 ? alone : aloneTwo)[0].data);
    });
    backend.dispose();
  });

  it("check inputs, threads and instructions", async () => {
    const backend = await openWasm({ threads: 1 });
    const executable = await backend.compile(graph);
    await expect(executable.run([])).rejects.toThrow(ShapeError);
    await expect(executable.run([input(1, 32)])).rejects.toThrow(/must be float32 1×3×64×64/);
    await expect(backend.compile(graph, { dtype: "float16" })).rejects.toThrow(UnsupportedError);
    await expect(openWasm({ threads: 0 })).rejects.toThrow(OptionError);
    await expect(openWasm({ threads: 1.5 })).rejects.toThrow(OptionError);
    backend.dispose();
  });

  it("are refused after disposal, and a running one finishes", async () => {
    const backend = await openWasm({ threads: 2, blocking: false });
    const executable = await backend.compile(graph);
    const running = executable.run([input(1)]);
    await new Promise((resolve) => setTimeout(resolve, 0));
    executable.dispose();
    executable.dispose();
    await expect(running).resolves.toHaveLength(1);
    await expect(executable.run([input(1)])).rejects.toThrow(DisposedError);
    expect(() => executable.memory()).toThrow(DisposedError);
    backend.dispose();
    await expect(backend.compile(graph)).rejects.toThrow(/disposed/);
  });
});

describe("threads", () => {
  const graph = smallGraph();

  async function same(options: Parameters<typeof openWasm>[0]): Promise<string> {
    const plain = await openWasm({ threads: 1, instructions: "simd" });
    const [wanted] = await (await plain.compile(graph)).run([input(5)]);
    plain.dispose();
    const backend = await openWasm({ instructions: "simd", ...options });
    const executable = await backend.compile(graph);
    for (let i = 0; i < 20; i++) {
      const [got] = await executable.run([input(5)]);
      // How tiles are cut differs, what a pixel sums does not.
      expect(compare(got, wanted).maxAbs).toBe(0);
    }
    backend.dispose();
    return backend.adapter;
  }

  it.each([2, 3, 5])("give the same bits as one: %i threads", async (threads) => {
    expect(await same({ threads })).toContain(`${threads} threads`);
  });

  it("compute only in workers if the caller must not block", async () => {
    expect(await same({ threads: 2, blocking: false })).toContain("2 threads");
    expect(await same({ threads: 1, blocking: false })).toContain("1 thread");
  });

  it("are fewer if workers cannot be started", async () => {
    const refuses: SpawnWorker = () => {
      throw new Error("refused by the page's CSP");
    };
    expect(await same({ threads: 3, spawn: refuses })).toContain("WebAssembly SIMD");
    expect(await same({ threads: 3, spawn: refuses, blocking: false })).toContain("1 thread");
  });

  it("are fewer if workers die or never answer", async () => {
    const dies: SpawnWorker = ({ onError }) => {
      setTimeout(() => onError("out of memory"), 1);
      return { post() {}, terminate() {} };
    };
    const silent: SpawnWorker = () => ({ post() {}, terminate() {} });
    expect(await same({ threads: 2, spawn: dies })).toContain("WebAssembly SIMD");
    expect(await same({ threads: 2, spawn: silent })).toContain("WebAssembly SIMD");
    expect(await same({ threads: 2, spawn: dies, blocking: false })).toContain("1 thread");
  });

  it("need nothing from Node: without workers, one thread computes", async () => {
    const backend = await createWasmBackend({ instructions: "simd", threads: 4 });
    expect(backend.adapter).toBe("WebAssembly SIMD, 1 thread");
    const [got] = await (await backend.compile(graph)).run([input(5)]);
    expect(got.shape).toEqual([1, 3 * 32 * 32, 7]);
    backend.dispose();
  });
});

it("pass NaN and infinities on", async () => {
  const b = new GraphBuilder();
  const x = b.input("x", { shape: [1, 4, 1, 2], dtype: "float32" });
  const kinds = ["silu", "sigmoid", "relu", "hardswish", "mish", "gelu", "tanh", "softplus"] as const;
  const outputs = kinds.map((kind) => b.add("activation", kind, [x], { activation: { kind } }));
  const backend = await openWasm({ threads: 1 });
  const executable = await backend.compile(b.finish(outputs));
  const values = Float32Array.of(Number.NaN, 100, -100, 3e38, -3e38, 0, 1, -1);
  const results = await executable.run([tensor("float32", [1, 4, 1, 2], values)]);
  results.forEach(({ data }, i) => {
    expect(data[0], kinds[i]).toBeNaN();
    expect(
      [...data].slice(1).every((v) => Number.isFinite(Number(v))),
      kinds[i],
    ).toBe(true);
  });
  backend.dispose();
});
