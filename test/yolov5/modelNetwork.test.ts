/** Plans of a network: one an input shape, the least recently used dropped, never one in use; clear input errors. */

import { describe, expect, it } from "vitest";
import { DisposedError, ShapeError } from "../../src/errors.js";
import { createCpuBackend } from "../../src/runtime/cpu/backend.js";
import { tensor } from "../../src/tensor/index.js";
import { Network, type NetworkOptions } from "../../src/yolov5/network.js";
import { type RecordingOptions, recordingBackend, SHAPE_BYTES } from "./recordingBackend.js";
import { fixturePath, openFile } from "./trees.js";

const MODULE = openFile(fixturePath("v6.pt")).module;
const input = (h: number, w = h, n = 1) => tensor("float32", [n, 3, h, w]);

function networkOf(options: NetworkOptions & RecordingOptions = {}) {
  const { backend, record } = recordingBackend(options);
  return { network: new Network(MODULE, backend, options), record };
}

describe("plans", () => {
  it("are compiled once each for two alternating sizes", async () => {
    const { network, record } = networkOf();
    for (let i = 0; i < 6; i++) await network.forward(input(i % 2 === 0 ? 32 : 64));
    expect(record.compiled).toEqual(["1×3×32×32", "1×3×64×64"]);
    expect(record.runs).toHaveLength(6);
    expect(record.disposed).toEqual([]);
  });

  it("are kept if recently used, as many as the budget of bytes allows", async () => {
    const { network, record } = networkOf({ shapeBudget: 4 * SHAPE_BYTES });
    for (const size of [32, 64, 96, 128]) await network.forward(input(size));
    await network.forward(input(32));
    await network.forward(input(160));
    await settle();
    expect(record.disposed).toEqual(["1×3×64×64"]);
    await network.forward(input(32));
    expect(record.compiled.filter((shape) => shape === "1×3×32×32")).toHaveLength(1);
    await network.forward(input(64));
    expect(record.compiled.filter((shape) => shape === "1×3×64×64")).toHaveLength(2);
  });

  it("differ by batch, height and width, and one is kept whatever the budget", async () => {
    const { network, record } = networkOf({ shapeBudget: 0 });
    await network.forward(input(32, 64));
    await network.forward(input(64, 32));
    await network.forward(input(64, 32, 2));
    await settle();
    expect(record.compiled).toEqual(["1×3×32×64", "1×3×64×32", "2×3×64×32"]);
    expect(record.disposed).toEqual(["1×3×32×64", "1×3×64×32"]);
  });

  it("are never dropped while in use, and concurrent calls share one compilation", async () => {
    const { network, record } = networkOf({ shapeBudget: 0 });
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const busy = [1, 2].map(() => network.with([1, 3, 32, 32], () => gate));
    await network.forward(input(64));
    await network.forward(input(96));
    await settle();
    expect(record.disposed).toEqual(["1×3×64×64", "1×3×96×96"]);
    release();
    await Promise.all(busy);
    await network.forward(input(32));
    expect(record.compiled.toSorted()).toEqual(["1×3×32×32", "1×3×64×64", "1×3×96×96"]);
  });

  it("are replaced by tune, while calls in progress keep the old one", async () => {
    const { network, record } = networkOf({ tunes: true });
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    let use = (): void => undefined;
    const inUse = new Promise<void>((resolve) => {
      use = resolve;
    });
    const busy = network.with([1, 3, 32, 32], () => {
      use();
      return gate;
    });
    await inUse;
    await network.tune([1, 3, 32, 32], {});
    expect(record.compiled).toEqual(["1×3×32×32", "1×3×32×32 tuned"]);
    await network.forward(input(32));
    await settle();
    expect(record.disposed).toEqual([]);
    release();
    await busy;
    await settle();
    expect(record.disposed).toEqual(["1×3×32×32"]);
    await network.tune([1, 3, 32, 32], {});
    await settle();
    expect(record.disposed).toEqual(["1×3×32×32", "1×3×32×32"]);
  });

  it("that failed to compile are tried again", async () => {
    let fail = true;
    const { network, record } = networkOf({
      onCompile() {
        if (fail) throw new Error("out of memory");
      },
    });
    await expect(network.forward(input(32))).rejects.toThrow("out of memory");
    fail = false;
    await network.forward(input(32));
    expect(record.compiled).toEqual(["1×3×32×32"]);
  });

  it("survive a failed run", async () => {
    const { network, record } = networkOf();
    await expect(network.with([1, 3, 32, 32], () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    await network.forward(input(32));
    expect(record.compiled).toEqual(["1×3×32×32"]);
  });

  it("are freed by dispose, and later calls throw DisposedError", async () => {
    const { network, record } = networkOf();
    await network.forward(input(32));
    await network.forward(input(64));
    network.dispose();
    await settle();
    expect([...record.disposed].sort()).toEqual(["1×3×32×32", "1×3×64×64"]);
    await expect(network.forward(input(32))).rejects.toThrow(DisposedError);
  });
});

describe("inputs", () => {
  it.each([
    ["a side that is no multiple of the stride", input(100), "multiples of 32, got float32 1×3×100×100"],
    ["three dimensions", tensor("float32", [3, 64, 64]), "got float32 3×64×64"],
    ["bytes", tensor("uint8", [1, 3, 64, 64]), "got uint8 1×3×64×64"],
  ])("refuses %s", async (_, given, message) => {
    const { network, record } = networkOf();
    const error = await network.forward(given).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ShapeError);
    expect((error as Error).message).toContain(message);
    expect(record.compiled).toEqual([]);
  });

  it("of other channel counts are refused with the first layer's name", async () => {
    await expect(networkOf().network.forward(tensor("float32", [1, 4, 64, 64]))).rejects.toThrow(
      "conv2d: input channels 4 must equal weight channels 3 × groups 1 (model.0.conv)",
    );
  });
});

describe("the cpu backend", () => {
  it("queues overlapping runs, and each gets its own result", async () => {
    const executable = await createCpuBackend().compile(
      new Network(MODULE, createCpuBackend()).build([1, 3, 32, 32]).graph,
    );
    const inputs = [0, 0.25, 0.5, 1].map((v) => tensor("float32", [1, 3, 32, 32], new Float32Array(3072).fill(v)));
    const together = await Promise.all(inputs.map((x) => executable.run([x])));
    for (const [i, x] of inputs.entries()) expect((await executable.run([x]))[0].data).toEqual(together[i][0].data);
    expect(together[0][0].data).not.toEqual(together[1][0].data);
  });

  it("checks inputs and taps, and lists the known names", async () => {
    const executable = await createCpuBackend().compile(
      new Network(MODULE, createCpuBackend()).build([1, 3, 32, 32]).graph,
    );
    await expect(executable.run([])).rejects.toThrow("run: 0 tensors given, the graph has 1 inputs");
    await expect(executable.run([input(64)])).rejects.toThrow(
      "run: images must be float32 1×3×32×32, got float32 1×3×64×64",
    );
    await expect(executable.tap(["model.99"], [input(32)])).rejects.toThrow(
      "tap: no layer is named model.99; there are model.0",
    );
    const taps = await executable.tap(["model.0", "model.0.conv", "model.24"], [input(32)]);
    expect(taps.get("model.0")?.shape).toEqual([1, 8, 16, 16]);
    const [prediction] = await executable.run([input(32)]);
    expect(taps.get("model.24")?.data).toEqual(prediction.data);
  });

  it("profiles every node and reports memory", async () => {
    const network = new Network(MODULE, createCpuBackend());
    const graph = network.build([1, 3, 32, 32]).graph;
    const executable = await createCpuBackend().compile(graph);
    const timings = await executable.profile([input(32)]);
    expect(timings.map(({ name }) => name)).toEqual(graph.nodes.map(({ name }) => name));
    expect(timings[0]).toMatchObject({ type: "conv2d", kernel: "reference", flops: 2 * 8 * 16 * 16 * 3 * 36 });
    const memory = executable.memory();
    expect(memory.weightBytes).toBe([...graph.constants.values()].reduce((n, t) => n + t.data.byteLength, 0));
    expect(memory.liveSetBytes).toBeGreaterThan(0);
  });

  it("computes in float32 only, and not after dispose", async () => {
    const backend = createCpuBackend();
    const graph = new Network(MODULE, backend).build([1, 3, 32, 32]).graph;
    await expect(backend.compile(graph, { dtype: "float16" })).rejects.toThrow("cpu: float16 is not supported");
    const executable = await backend.compile(graph);
    executable.dispose();
    await expect(executable.run([input(32)])).rejects.toThrow(DisposedError);
  });
});

/** Plans are disposed of in a microtask after their promise. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));
