/** The gpu.js backend around its kernels: the missing package, taps, queue, profile, memory, disposal. */

import { describe, expect, it } from "vitest";
import { DeviceError, DisposedError, ShapeError, UnsupportedError } from "../../../src/errors.js";
import { type Graph, GraphBuilder, type OpAttributes } from "../../../src/ops/index.js";
import type { Backend } from "../../../src/runtime/backend.js";
import { createCpuBackend } from "../../../src/runtime/cpu/backend.js";
import { createGpujsBackend } from "../../../src/runtime/gpujs/index.js";
import { compare } from "../../../src/tensor/index.js";
import { randomTensor } from "../../support/random.js";

const importModule = (): Promise<unknown> => import("gpu.js");
const open = (): Promise<Backend> => createGpujsBackend({ importModule });

function attributes(padding: number, hasResidual: boolean): OpAttributes["conv2d"] {
  return {
    stride: [1, 1],
    padding: [padding, padding],
    dilation: [1, 1],
    groups: 1,
    activation: { kind: "identity" },
    hasBias: false,
    hasResidual,
  };
}

/** Convolution, activation (fused away), residual sum (fused away), softmax (on the host), with a tap each. */
function smallGraph(): Graph {
  const b = new GraphBuilder();
  const x = b.input("images", { shape: [1, 6, 9, 7], dtype: "float32" });
  const weight = b.constant("w", randomTensor([6, 6, 3, 3], 3, 0.3));
  const conv = b.add("conv2d", "conv", [x, weight], attributes(1, false));
  const active = b.add("activation", "act", [conv], { activation: { kind: "silu" } });
  const sum = b.add("add", "sum", [x, active], {});
  const soft = b.add("softmax", "soft", [sum], { axis: 1 });
  const output = b.add("scale", "scale", [soft], { factor: 2 });
  for (const [name, id] of Object.entries({ conv, active, sum, soft, output })) b.tap(name, id);
  return b.finish([output]);
}

const input = (seed: number) => randomTensor([1, 6, 9, 7], seed);

describe("opening", () => {
  it("says how to install the package if it is missing", async () => {
    const absent = createGpujsBackend({ importModule: () => Promise.reject(new Error("Cannot find package")) });
    await expect(absent).rejects.toThrow('gpujs: needs the optional package "gpu.js"; run npm install gpu.js');
    await expect(absent).rejects.toBeInstanceOf(DeviceError);
    await expect(createGpujsBackend({ importModule: async () => ({}) })).rejects.toThrow(/npm install gpu\.js@2/);
  });

  it("refuses a mode that the host lacks, and prefers WebAssembly to JavaScript", async () => {
    await expect(createGpujsBackend({ importModule, mode: "webgl2" })).rejects.toThrow(/cannot run .* mode webgl2/);
    const [auto, plain] = [await open(), await createGpujsBackend({ importModule, mode: "cpu" })];
    expect([auto.adapter, plain.adapter]).toEqual(["gpu.js webasm", "gpu.js cpu"]);
    expect([auto.software, plain.software]).toEqual([true, true]);
    auto.dispose();
    plain.dispose();
  });
});

describe("calls", () => {
  it("give every tapped value as the reference computes it, fused or not", async () => {
    const graph = smallGraph();
    const backend = await open();
    const [executable, cpu] = [await backend.compile(graph), await createCpuBackend().compile(graph)];
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

  it("are queued if they overlap, and their values kept apart", async () => {
    const backend = await open();
    const executable = await backend.compile(smallGraph());
    const alone = [];
    for (const seed of [1, 2, 3]) alone.push((await executable.run([input(seed)]))[0].data);
    const together = await Promise.all([1, 2, 3].map((seed) => executable.run([input(seed)])));
    expect(together.map(([result]) => result.data)).toEqual(alone);
    expect(alone[0]).not.toEqual(alone[1]);
    backend.dispose();
  });

  it("time every node and say which ran on the host", async () => {
    const backend = await open();
    const executable = await backend.compile(smallGraph());
    const kernels = new Map((await executable.profile([input(1)])).map(({ type, kernel }) => [type, kernel]));
    expect(kernels.get("conv2d")).toBe("gpu.js conv2d 3x3");
    expect(kernels.get("softmax")).toBe("reference (host)");
    expect(kernels.get("scale")).toBe("gpu.js scale");
    backend.dispose();
  });

  it("report memory in blocks of four channels", async () => {
    const backend = await open();
    const executable = await backend.compile(smallGraph());
    await executable.run([input(1)]);
    const { weightBytes, activationBytes, liveSetBytes, stagingBytes } = executable.memory();
    // Two blocks of outputs and of inputs, nine taps, and the bias.
    expect(weightBytes).toBe(4 * (8 * 8 * 9 + 8));
    expect(liveSetBytes).toBe(2 * 4 * 6 * 9 * 7);
    expect(activationBytes).toBe(2 * 4 * 8 * 9 * 7);
    expect(stagingBytes).toBeGreaterThan(activationBytes);
    backend.dispose();
  });

  it("refuse wrong inputs and dtypes, and everything after disposal", async () => {
    const backend = await open();
    const executable = await backend.compile(smallGraph());
    await expect(executable.run([])).rejects.toThrow(ShapeError);
    await expect(executable.run([randomTensor([1, 6, 9, 8], 1)])).rejects.toThrow(/must be float32 1×6×9×7/);
    await expect(backend.compile(smallGraph(), { dtype: "float16" })).rejects.toThrow(UnsupportedError);
    const running = executable.run([input(1)]);
    executable.dispose();
    await expect(running).resolves.toHaveLength(1);
    await expect(executable.run([input(1)])).rejects.toThrow(DisposedError);
    await expect(executable.tap(["conv"], [input(1)])).rejects.toThrow(DisposedError);
    expect(() => executable.memory()).toThrow(DisposedError);
    backend.dispose();
    await expect(backend.compile(smallGraph())).rejects.toThrow(/disposed/);
  });
});
