/** Runs that bring back only what can become a box: the same rows, bit for bit, as NMS would pick from the whole output. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DisposedError } from "../../../src/errors.js";
import { type Graph, GraphBuilder } from "../../../src/ops/index.js";
import type { CandidateOutputs } from "../../../src/runtime/backend.js";
import type { WebGpuBackend, WebGpuExecutable } from "../../../src/runtime/webgpu/index.js";
import { compare, type HostTensor } from "../../../src/tensor/index.js";
import { randomTensor } from "../../support/random.js";
import { openBackend, webgpuOrSkip } from "../../support/webgpu.js";

const gpu = await webgpuOrSkip();

interface Head {
  readonly batch?: number;
  readonly classes: number;
  readonly masks?: number;
  /** Height and width of each level. */
  readonly levels: readonly (readonly [number, number])[];
  /** Anchors of each level. Default 3. */
  readonly anchors?: number;
}

const HEADS: readonly Head[] = [
  {
    classes: 80,
    levels: [
      [20, 24],
      [10, 12],
      [5, 6],
    ],
  },
  {
    classes: 1,
    levels: [
      [13, 7],
      [7, 4],
    ],
  },
  { classes: 2, batch: 2, anchors: 2, levels: [[9, 11]] },
  {
    classes: 80,
    masks: 32,
    batch: 2,
    levels: [
      [8, 12],
      [4, 6],
    ],
  },
  {
    classes: 6,
    masks: 3,
    anchors: 4,
    batch: 3,
    levels: [
      [5, 5],
      [3, 3],
    ],
  },
];
const THRESHOLDS = [0, 0.001, 0.25, 0.6, 1];

const columnsOf = ({ classes, masks = 0 }: Head): number => 5 + classes + masks;

/** A detect node on maps that are given as they are, and beside it an output that stands for mask prototypes. */
function headGraph(head: Head): Graph {
  const { batch = 1, levels, masks = 0, anchors = 3 } = head;
  const b = new GraphBuilder();
  const maps = levels.map(([h, w], i) =>
    b.input(`map${i}`, { shape: [batch, anchors * columnsOf(head), h, w], dtype: "float32" }),
  );
  const sizes = levels.map((_, i) => Array.from({ length: anchors * 2 }, (_, k) => 8 * (i + 1) + 3 * k));
  const strides = levels.map((_, i) => 8 * 2 ** i);
  const before = masks > 0 ? [b.add("scale", "prototypes", [maps[0]], { factor: 0.5 })] : [];
  const rows = b.add("detect", "detect", maps, {
    anchors: sizes,
    strides,
    outputs: columnsOf(head),
    maskCoefficients: masks,
  });
  const after = masks > 0 ? [b.add("scale", "more", [maps[0]], { factor: 2 })] : [];
  b.tap("detect", rows);
  return b.finish([rows, ...before, ...after]);
}

const mapsOf = (graph: Graph, seed: number, scale = 6): HostTensor<"float32">[] =>
  graph.inputs.map((id, i) => randomTensor(graph.values[id].shape, seed * 10 + i, scale));

/** Row numbers above the threshold as NMS sees it; `slack` lowers it. */
function passing(data: Float32Array, head: Head, threshold: number, slack = 0): number[] {
  const columns = columnsOf(head);
  const limit = Math.fround(threshold) * (1 - slack);
  const found: number[] = [];
  for (let row = 0; row * columns < data.length; row++) {
    const at = row * columns;
    const objectness = data[at + 4];
    const scores = data.subarray(at + 5, at + 5 + head.classes);
    if (objectness > limit && scores.some((score) => Math.fround(score * objectness) > limit)) found.push(row);
  }
  return found;
}

/** Bit for bit, so that NaN equals NaN and 0 is not −0. */
function sameBits(a: Float32Array, b: Float32Array): boolean {
  const [first, second] = [a, b].map((data) => new Uint32Array(data.slice().buffer));
  return first.length === second.length && first.every((word, i) => word === second[i]);
}

async function candidatesOf(
  executable: WebGpuExecutable,
  inputs: readonly HostTensor[],
  threshold: number,
): Promise<CandidateOutputs> {
  const found = await executable.runCandidates({ inputs }, threshold);
  if (!found) throw new Error("the graph has a detection head");
  return found;
}

/** Every row that NMS would look at is there, and all rows are those of the whole output. @returns how many there are. */
function expectCandidates(
  found: CandidateOutputs,
  whole: readonly HostTensor[],
  head: Head,
  threshold: number,
): number {
  const [n, total, columns] = whole[0].shape;
  const data = whole[0].data as Float32Array;
  expect(found.candidates).toHaveLength(n);
  expect(found.others).toEqual(whole.slice(1));
  let count = 0;
  found.candidates.forEach((candidates, i) => {
    const picture = data.subarray(i * total * columns, (i + 1) * total * columns);
    expect(candidates.total).toBe(total);
    expect(candidates.columns).toBe(columns);
    const rows = [...candidates.rows];
    expect(rows).toEqual([...new Set(rows)].sort((a, b) => a - b));
    const wanted = passing(picture, head, threshold);
    const given = new Set(rows);
    expect(wanted.filter((row) => !given.has(row))).toEqual([]);
    if (threshold > 0) {
      const close = new Set(passing(picture, head, threshold, 1e-5));
      expect(rows.filter((row) => !close.has(row))).toEqual([]);
    }
    const expected = new Float32Array(rows.length * columns);
    rows.forEach((row, k) => {
      expected.set(picture.subarray(row * columns, (row + 1) * columns), k * columns);
    });
    expect(sameBits(candidates.data, expected)).toBe(true);
    count += rows.length;
  });
  return count;
}

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

  it("makes room where there are more than expected, and loses none", async () => {
    const graph = headGraph(large);
    const executable = await backend.compile(graph);
    const inputs = mapsOf(graph, 5);
    const whole = await executable.run(inputs);
    const overflows = () => backend.counters().candidateOverflows;
    const before = overflows();
    // The smaller number fits at first: 512 rows a picture.
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

  it("gives the same again and again, and calls that overlap their own", async () => {
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

  it("submits once a run, makes nothing after the first, reads back little", async () => {
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

  it("loses no box to numbers that are none", async () => {
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

  it("is for graphs that give the rows of a head and nothing else with them", async () => {
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
