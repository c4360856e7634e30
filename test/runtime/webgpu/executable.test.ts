/** Executables on WebGPU: submits, memory, overlapping calls, profiles. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DisposedError, ShapeError } from "../../../src/errors.js";
import type { Graph } from "../../../src/ops/index.js";
import { createCpuBackend } from "../../../src/runtime/cpu/backend.js";
import type { WebGpuBackend } from "../../../src/runtime/webgpu/index.js";
import { compare, type HostTensor } from "../../../src/tensor/index.js";
import { Blocks, tinyNetwork } from "../../support/blocks.js";
import { randomTensor } from "../../support/random.js";
import { openBackend, webgpuOrSkip } from "../../support/webgpu.js";

const gpu = await webgpuOrSkip();

async function onCpu(graph: Graph, inputs: readonly HostTensor[], names: readonly string[]) {
  const executable = await createCpuBackend().compile(graph);
  return { outputs: await executable.run(inputs), taps: await executable.tap(names, inputs) };
}

describe.skipIf(!gpu)("webgpu executable", () => {
  let backend: WebGpuBackend;
  beforeAll(async () => {
    if (gpu) backend = await openBackend(gpu);
  });
  afterAll(() => backend?.dispose());

  it("says what runs it", () => {
    expect(backend.name).toBe("webgpu");
    expect(backend.adapter).not.toBe("");
    expect(backend.adapter.includes("(software)")).toBe(backend.software);
  });

  it.each([
    [16, 32, 1],
    [12, 28, 1],
    [10, 36, 2],
  ])("computes every layer of a network of width %i at %i pixels, batch %i", async (width, size, batch) => {
    const graph = tinyNetwork(width, size, batch);
    const inputs = [randomTensor([batch, 3, size, size], 7)];
    const names = [...graph.taps.keys()];
    const expected = await onCpu(graph, inputs, names);
    const executable = await backend.compile(graph);
    const outputs = await executable.run(inputs);
    outputs.forEach((output, i) => {
      expect(compare(output, expected.outputs[i]).nmse).toBeLessThanOrEqual(1e-10);
    });
    const taps = await executable.tap(names, inputs);
    for (const name of names) {
      const [actual, wanted] = [taps.get(name), expected.taps.get(name)];
      expect(actual && wanted && compare(actual, wanted).nmse, name).toBeLessThanOrEqual(1e-10);
    }
    executable.dispose();
  });

  it("submits once per run, creates nothing after the first, copies no channel", async () => {
    const executable = await backend.compile(tinyNetwork(16, 32));
    const inputs = [randomTensor([1, 3, 32, 32], 3)];
    await executable.run(inputs);
    const before = executable.counters();
    const runs = 5;
    for (let i = 0; i < runs; i++) await executable.run(inputs);
    const after = executable.counters();
    expect(after.submits - before.submits).toBe(runs);
    expect(after.buffersCreated).toBe(before.buffersCreated);
    expect(after.pipelinesCreated).toBe(before.pipelinesCreated);
    expect(after.bindGroupsCreated).toBe(before.bindGroupsCreated);
    expect(after.copies).toBe(before.copies);
    expect(after.dispatches).toBeGreaterThan(before.dispatches);
    executable.dispose();
  });

  it("copies an input of two concats, and counts the copy", async () => {
    const b = new Blocks();
    const x = b.input([1, 4, 7, 7]);
    const shared = b.conv("shared", x, 8);
    const first = b.concat("first", [shared, b.conv("other", x, 4)]);
    const second = b.concat("second", [b.conv("third", x, 4), shared, shared]);
    const graph = b.finish([first, second]);
    const inputs = [randomTensor([1, 4, 7, 7], 5)];
    const expected = await onCpu(graph, inputs, []);
    const executable = await backend.compile(graph);
    const before = executable.counters();
    const outputs = await executable.run(inputs);
    expect(executable.counters().copies - before.copies).toBe(2);
    outputs.forEach((output, i) => {
      expect(compare(output, expected.outputs[i]).nmse).toBeLessThanOrEqual(1e-10);
    });
    executable.dispose();
  });

  it("separates a residual from its sum in one concat", async () => {
    const b = new Blocks();
    const x = b.conv("x", b.input([1, 4, 7, 7]), 8);
    const sum = b.conv("sum", x, 8, 3, 1, x);
    const graph = b.finish([b.concat("cat", [x, sum])]);
    const inputs = [randomTensor([1, 4, 7, 7], 6)];
    const expected = await onCpu(graph, inputs, []);
    const executable = await backend.compile(graph);
    expect(compare((await executable.run(inputs))[0], expected.outputs[0]).nmse).toBeLessThanOrEqual(1e-10);
    executable.dispose();
  });

  it("releases every buffer, frame after frame and size after size", async () => {
    const sizes = [32, 64];
    const inputs = sizes.map((size) => [randomTensor([1, 3, size, size], 3)]);
    const live = () => backend.counters().buffersCreated - backend.counters().buffersDestroyed;
    const before = live();
    for (let round = 0; round < 3; round++) {
      const both = await Promise.all(sizes.map((size) => backend.compile(tinyNetwork(16, size))));
      // What results come back through is made by the first run.
      for (const i of [0, 1]) await both[i].run(inputs[i]);
      const compiled = live();
      for (let frame = 0; frame < 10; frame++) await both[frame % 2].run(inputs[frame % 2]);
      expect(live()).toBe(compiled);
      await both[0].tap(["c3.cv1"], inputs[0]);
      await both[1].profile(inputs[1]);
      for (const executable of both) executable.dispose();
      // The twin that tap compiled goes one turn later.
      await new Promise((resolve) => setTimeout(resolve, 0));
      expect(live()).toBe(before);
    }
  });

  it("shares weights between two sizes and frees them with the last one", async () => {
    const small = tinyNetwork(16, 32);
    const buffersOf = () => backend.counters().buffersCreated;
    const first = await backend.compile(small);
    const start = buffersOf();
    // The same graph again: slots, parameters and staging are new, weights are not.
    const second = await backend.compile(small);
    const slots = buffersOf() - start;
    expect(slots).toBeLessThan(small.constants.size);
    expect(second.memory().weightBytes).toBe(first.memory().weightBytes);
    first.dispose();
    const inputs = [randomTensor([1, 3, 32, 32], 3)];
    await second.run(inputs);
    second.dispose();
    await expect(second.run(inputs)).rejects.toBeInstanceOf(DisposedError);
  });

  it("runs overlapping calls in order", async () => {
    const executable = await backend.compile(tinyNetwork(16, 32));
    const inputs = [1, 2, 3, 4].map((seed) => [randomTensor([1, 3, 32, 32], seed)]);
    const alone: HostTensor[] = [];
    for (const given of inputs) alone.push((await executable.run(given))[0]);
    const together = await Promise.all(inputs.map((given) => executable.run(given)));
    together.forEach(([output], i) => {
      expect(compare(output, alone[i]).maxAbs).toBe(0);
    });
    executable.dispose();
  });

  it("has two runs in flight, starts a third when the first is done, and returns results in order", async () => {
    const executable = await backend.compile(tinyNetwork(16, 32));
    const inputs = [1, 2, 3, 4].map((seed) => [randomTensor([1, 3, 32, 32], seed)]);
    await executable.run(inputs[0]);
    const { submits } = executable.counters();
    const done: number[] = [];
    const submitted: number[] = [];
    const calls = inputs.map(async (given, i) => {
      await executable.run(given);
      done.push(i);
      submitted.push(executable.counters().submits - submits);
    });
    await Promise.all(calls);
    expect(done).toEqual([0, 1, 2, 3]);
    expect(submitted[0]).toBeGreaterThanOrEqual(2);
    expect(submitted[0]).toBeLessThanOrEqual(3);
    executable.dispose();
  });

  it("creates nothing and does not grow over 1,000 frames of alternating sizes, two in flight", async () => {
    const sizes = [32, 64];
    const inputs = sizes.map((size) => [randomTensor([1, 3, size, size], 3)]);
    const both = await Promise.all(sizes.map((size) => backend.compile(tinyNetwork(8, size))));
    for (const [i, executable] of both.entries()) await executable.run(inputs[i]);
    const before = backend.counters();
    const memory = both.map((executable) => executable.memory());
    let last: Promise<unknown> = Promise.resolve();
    for (let frame = 0; frame < 1000; frame++) {
      const next = both[frame % 2].run(inputs[frame % 2]);
      await last;
      last = next;
    }
    await last;
    const after = backend.counters();
    expect(after.submits - before.submits).toBe(1000);
    for (const key of ["buffersCreated", "buffersDestroyed", "pipelinesCreated", "bindGroupsCreated"] as const) {
      expect(after[key], key).toBe(before[key]);
    }
    expect(both.map((executable) => executable.memory())).toEqual(memory);
    for (const executable of both) executable.dispose();
  });

  it("gives tap and profile exclusive use of the device between runs", async () => {
    const graph = tinyNetwork(16, 32);
    const executable = await backend.compile(graph, { keepTaps: ["neck.cv3"] });
    const inputs = [1, 2, 3].map((seed) => [randomTensor([1, 3, 32, 32], seed)]);
    const alone: HostTensor[] = [];
    for (const given of inputs) alone.push((await executable.tap(["neck.cv3"], given)).get("neck.cv3") as HostTensor);
    const [first, taps, timings, last] = await Promise.all([
      executable.run(inputs[0]),
      executable.tap(["neck.cv3"], inputs[1]),
      executable.profile(inputs[1]),
      executable.run(inputs[2]),
    ]);
    expect(compare(first[0], alone[0]).maxAbs).toBe(0);
    expect(compare(taps.get("neck.cv3") as HostTensor, alone[1]).maxAbs).toBe(0);
    expect(timings.length).toBeGreaterThan(10);
    expect(compare(last[0], alone[2]).maxAbs).toBe(0);
    executable.dispose();
  });

  it("finishes runs in flight and rejects waiting ones when it is disposed of", async () => {
    const executable = await backend.compile(tinyNetwork(16, 64));
    const inputs = [randomTensor([1, 3, 64, 64], 1)];
    await executable.run(inputs);
    const calls = [executable.run(inputs), executable.run(inputs), executable.run(inputs), executable.profile(inputs)];
    const { submits } = executable.counters();
    for (let i = 0; i < 1000 && executable.counters().submits < submits + 2; i++) await Promise.resolve();
    const destroyed = backend.counters().buffersDestroyed;
    executable.dispose();
    const outcomes = await Promise.allSettled(calls);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "rejected"]);
    for (const outcome of outcomes.slice(2)) expect(outcome).toHaveProperty("reason", expect.any(DisposedError));
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(backend.counters().buffersDestroyed).toBeGreaterThan(destroyed);
    // A buffer used after its end would have been the device's last.
    const other = await backend.compile(tinyNetwork(16, 32));
    expect(await other.run([randomTensor([1, 3, 32, 32], 1)])).toHaveLength(2);
    other.dispose();
  });

  it("refuses inputs of another shape, and continues", async () => {
    const executable = await backend.compile(tinyNetwork(16, 32));
    await expect(executable.run([randomTensor([1, 3, 32, 31], 1)])).rejects.toBeInstanceOf(ShapeError);
    await expect(executable.run([])).rejects.toBeInstanceOf(ShapeError);
    expect(await executable.run([randomTensor([1, 3, 32, 32], 1)])).toHaveLength(2);
    executable.dispose();
  });

  it("times every dispatch and names its kernel", async () => {
    const graph = tinyNetwork(16, 32);
    const executable = await backend.compile(graph);
    const timings = await executable.profile([randomTensor([1, 3, 32, 32], 1)]);
    const names = new Set(timings.map((t) => t.name));
    for (const name of ["stem", "c3.cv1+cv2", "sppf.m1", "up"]) expect(names.has(name), name).toBe(true);
    // Two pairs of siblings run as one convolution each.
    const convolutions = graph.nodes.filter((node) => node.type === "conv2d").length - 2;
    expect(timings.filter((t) => t.type === "conv2d" && t.flops > 0)).toHaveLength(convolutions);
    for (const { ms, bytes, kernel } of timings) {
      expect(ms).toBeGreaterThanOrEqual(0);
      expect(bytes).toBeGreaterThan(0);
      expect(kernel).not.toBe("");
    }
    executable.dispose();
  });
});
