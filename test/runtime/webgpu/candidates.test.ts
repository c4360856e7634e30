/** Runs that bring back only what can become a box: the same rows, bit for bit, as NMS would pick from the whole output. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DisposedError } from "../../../src/errors.js";
import { GraphBuilder } from "../../../src/ops/index.js";
import type { CandidateOutputs } from "../../../src/runtime/backend.js";
import type { WebGpuBackend } from "../../../src/runtime/webgpu/index.js";
import { compare } from "../../../src/tensor/index.js";
import { randomTensor } from "../../support/random.js";
import { openBackend, webgpuOrSkip } from "../../support/webgpu.js";
import {
  candidatesOf,
  expectCandidates,
  HEADS,
  type Head,
  headGraph,
  mapsOf,
  passing,
  THRESHOLDS,
} from "./candidateHeads.js";

const gpu = await webgpuOrSkip();

describe.skipIf(!gpu)("candidates", () => {
  let backend: WebGpuBackend;
  beforeAll(async () => {
    if (gpu) backend = await openBackend(gpu);
  });
  afterAll(() => backend?.dispose());

  it.each(HEADS)("of $classes classes, $masks mask coefficients, batch $batch at $levels", async (head) => {
    const graph = headGraph(head);
    for (const dtype of backend.capabilities.dtypes.includes("float16")
      ? (["float32", "float16"] as const)
      : (["float32"] as const)) {
      const executable = await backend.compile(graph, { dtype });
      const counts: number[] = [];
      for (const threshold of THRESHOLDS) {
        const inputs = mapsOf(graph, 3);
        const whole = await executable.run(inputs);
        counts.push(expectCandidates(await candidatesOf(executable, inputs, threshold), whole, head, threshold));
      }
      const [n, rows] = graph.values[graph.outputs[0]].shape;
      expect(counts[0]).toBe(n * rows);
      expect(counts).toEqual([...counts].sort((a, b) => b - a));
      expect(counts[2]).toBeGreaterThan(0);
      expect(counts[2]).toBeLessThan(n * rows);
      expect(counts[4]).toBe(0);
      executable.dispose();
    }
  });

  const large: Head = {
    classes: 3,
    batch: 2,
    levels: [
      [32, 32],
      [16, 16],
    ],
  };

  it("makes room if there are more than expected, and loses none", async () => {
    const graph = headGraph(large);
    const executable = await backend.compile(graph);
    const inputs = mapsOf(graph, 5);
    const whole = await executable.run(inputs);
    const overflows = () => backend.counters().candidateOverflows;
    const before = overflows();
    // The smaller number fits at first: 512 rows per picture.
    expect(expectCandidates(await candidatesOf(executable, inputs, 0.99), whole, large, 0.99)).toBeLessThan(2 * 512);
    expect(overflows()).toBe(before);
    const small = executable.memory().stagingBytes;
    const all = expectCandidates(await candidatesOf(executable, inputs, 0.6), whole, large, 0.6);
    expect(all).toBeGreaterThan(2 * 512);
    expect(overflows()).toBe(before + 1);
    expect(executable.memory().stagingBytes).toBeGreaterThan(small);
    // Now there is room, and nothing new is made.
    const { buffersCreated, buffersDestroyed } = backend.counters();
    expectCandidates(
      await candidatesOf(executable, mapsOf(graph, 6), 0.6),
      await executable.run(mapsOf(graph, 6)),
      large,
      0.6,
    );
    expectCandidates(await candidatesOf(executable, inputs, 0), whole, large, 0);
    expect(overflows()).toBe(before + 2);
    expect(backend.counters().buffersCreated - buffersCreated).toBe(
      backend.counters().buffersDestroyed - buffersDestroyed,
    );
    executable.dispose();
  });

  it("gives the same result repeatedly, and each overlapping call its own", async () => {
    const graph = headGraph(large);
    const executable = await backend.compile(graph);
    const given = [1, 2, 3, 4].map((seed) => mapsOf(graph, seed));
    const alone: CandidateOutputs[] = [];
    for (const inputs of given) alone.push(await candidatesOf(executable, inputs, 0.5));
    const fresh = await backend.compile(graph);
    for (let round = 0; round < 5; round++) {
      // In the first round all of them find too little room.
      const mixed = given.flatMap((inputs) => [candidatesOf(fresh, inputs, 0.5), fresh.run(inputs)] as const);
      const together = await Promise.all(mixed);
      expect(together.filter((_, i) => i % 2 === 0)).toEqual(alone);
    }
    for (const made of [executable, fresh]) made.dispose();
    await expect(fresh.runCandidates({ inputs: given[0] }, 0.5)).rejects.toBeInstanceOf(DisposedError);
  });

  it("submits once per run, creates nothing after the first, and reads back little", async () => {
    const head = {
      ...HEADS[0],
      levels: [
        [80, 80],
        [40, 40],
        [20, 20],
      ] as const,
    };
    const graph = headGraph(head);
    const executable = await backend.compile(graph);
    const inputs = mapsOf(graph, 7, 3);
    await candidatesOf(executable, inputs, 0.902);
    const before = backend.counters();
    const runs = 4;
    // Another threshold is no other pipeline.
    for (let i = 0; i < runs; i++) await candidatesOf(executable, inputs, 0.902 + i / 1000);
    const after = backend.counters();
    expect(after.submits - before.submits).toBe(runs);
    for (const made of ["buffersCreated", "pipelinesCreated", "bindGroupsCreated", "candidateOverflows"] as const) {
      expect(after[made], made).toBe(before[made]);
    }
    const whole = 25200 * 85 * 4;
    expect(after.bytesRead - before.bytesRead).toBeLessThan((runs * whole) / 40);
    await executable.run(inputs);
    expect(backend.counters().bytesRead - after.bytesRead).toBe(whole);
    executable.dispose();
  });

  it("loses no box to NaN", async () => {
    const head: Head = { classes: 3, anchors: 1, levels: [[4, 4]] };
    const graph = headGraph(head);
    const executable = await backend.compile(graph);
    const [map] = mapsOf(graph, 9);
    // [channel][cell]; everything passes but what is made not to.
    map.data.fill(4);
    const set = (channel: number, cell: number, value: number) => {
      map.data[channel * 16 + cell] = value;
    };
    set(0, 1, Number.NaN);
    set(2, 2, Number.POSITIVE_INFINITY);
    set(5, 3, Number.NaN);
    set(4, 4, Number.NEGATIVE_INFINITY);
    const whole = await executable.run([map]);
    const { candidates } = await candidatesOf(executable, [map], 0.25);
    expect([...candidates[0].rows]).toEqual(expect.arrayContaining(passing(whole[0].data as Float32Array, head, 0.25)));
    expect([...candidates[0].rows]).toEqual(expect.arrayContaining([0, 1, 2, 3, 5, 15]));
    expect(candidates[0].rows).not.toContain(4);
    executable.dispose();
  });

  it("works only for graphs whose output is the rows of a head", async () => {
    const graph = headGraph(HEADS[1]);
    const b = new GraphBuilder();
    const x = b.input("x", { shape: [1, 18, 4, 4], dtype: "float32" });
    const rows = b.add("detect", "detect", [x], {
      anchors: [[1, 2, 3, 4, 5, 6]],
      strides: [8],
      outputs: 6,
      maskCoefficients: 0,
    });
    const twice = b.add("scale", "twice", [rows], { factor: 2 });
    const executable = await backend.compile(b.finish([twice]));
    expect(await executable.runCandidates({ inputs: [randomTensor([1, 18, 4, 4], 1)] }, 0.25)).toBeUndefined();
    expect(await executable.run([randomTensor([1, 18, 4, 4], 1)])).toHaveLength(1);
    // A tap still sees all rows.
    const tapped = await backend.compile(graph);
    const inputs = mapsOf(graph, 2);
    await candidatesOf(tapped, inputs, 0.25);
    const [expected] = await tapped.run(inputs);
    const all = (await tapped.tap(["detect"], inputs)).get("detect");
    expect(all && compare(all, expected).maxAbs).toBe(0);
    for (const made of [executable, tapped]) made.dispose();
  });
});
