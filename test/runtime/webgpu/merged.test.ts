/** Merged convolutions on the device: in the concat's own place, the residual read from the output where they meet. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { optimize } from "../../../src/ops/index.js";
import { createCpuBackend } from "../../../src/runtime/cpu/backend.js";
import { CONV_KERNELS, type WebGpuBackend } from "../../../src/runtime/webgpu/index.js";
import { compare } from "../../../src/tensor/index.js";
import { buildGraph } from "../../../src/yolov5/graph/buildGraph.js";
import { randomModel } from "../../../src/yolov5/loadModel.js";
import { Blocks } from "../../support/blocks.js";
import { randomTensor } from "../../support/random.js";
import { openBackend, webgpuOrSkip } from "../../support/webgpu.js";

const gpu = await webgpuOrSkip();

async function check(backend: WebGpuBackend, hidden: number, depth: number, shortcut: boolean): Promise<void> {
  const b = new Blocks();
  const graph = b.finish([b.c3("c3", b.input([2, 6, 9, 13]), 2 * hidden, depth, shortcut)]);
  const inputs = [randomTensor([2, 6, 9, 13], 3)];
  const reference = await createCpuBackend().compile(graph);
  const [expected] = await reference.run(inputs);
  const executable = await backend.compile(graph);
  const before = executable.counters();
  const [actual] = await executable.run(inputs);
  expect(compare(actual, expected).nmse).toBeLessThanOrEqual(1e-10);
  // The second run finds in memory what the first one left.
  expect(compare((await executable.run(inputs))[0], actual).maxAbs).toBe(0);
  expect(executable.counters().copies).toBe(before.copies);
  const names = [...graph.taps.keys()];
  const [taps, wanted] = [await executable.tap(names, inputs), await reference.tap(names, inputs)];
  for (const name of names) {
    const [a, e] = [taps.get(name), wanted.get(name)];
    expect(a && e && compare(a, e).nmse, name).toBeLessThanOrEqual(1e-10);
  }
  executable.dispose();
}

describe.skipIf(!gpu)("merged convolutions", () => {
  const backends: WebGpuBackend[] = [];
  const open = async (convKernel?: string): Promise<WebGpuBackend> => {
    if (!gpu) throw new Error("no adapter");
    const backend = await openBackend(gpu, convKernel === undefined ? {} : { convKernel });
    backends.push(backend);
    return backend;
  };
  afterAll(() => {
    for (const backend of backends) backend.dispose();
  });

  let usual: WebGpuBackend;
  beforeAll(async () => {
    usual = await open();
  });

  it.each([
    [8, 1, true],
    [16, 2, true],
    [8, 3, false],
    [20, 1, false],
    [6, 1, true],
  ])("a C3 of %i channels, depth %i, shortcut %s: no copy, every layer right", (hidden, depth, shortcut) =>
    check(usual, hidden, depth, shortcut),
  );

  // The smallest tile of each kernel, quickest to compile: the epilogue is the same for all.
  const kernels = [...CONV_KERNELS.keys()].filter(
    (name, i, all) => all.findLastIndex((other) => other.split(" ")[0] === name.split(" ")[0]) === i,
  );
  it.each(kernels)("%s adds a residual that is stored in its output", async (name) => {
    await check(await open(name), 8, 1, true);
  });

  it("yolov5n copies nothing and needs eight dispatches fewer", async () => {
    const { graph } = buildGraph(randomModel("yolov5n").module, [1, 3, 64, 64]);
    const optimized = optimize(graph);
    const executable = await usual.compile(optimized);
    const timings = await executable.profile([randomTensor([1, 3, 64, 64], 1)]);
    const convolutions = optimized.nodes.filter(({ type }) => type === "conv2d").length;
    expect(timings.filter(({ type, flops }) => type === "conv2d" && flops > 0)).toHaveLength(convolutions - 8);
    expect(timings.filter(({ kernel }) => kernel.startsWith("copy_channels"))).toEqual([]);
    executable.dispose();
  });
});
