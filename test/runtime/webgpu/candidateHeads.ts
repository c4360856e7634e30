/** Detection heads of several sizes, and the candidates that a run must return for them. */

import { expect } from "vitest";
import { type Graph, GraphBuilder } from "../../../src/ops/index.js";
import type { CandidateOutputs } from "../../../src/runtime/backend.js";
import type { WebGpuExecutable } from "../../../src/runtime/webgpu/index.js";
import type { HostTensor } from "../../../src/tensor/index.js";
import { randomTensor } from "../../support/random.js";

export interface Head {
  readonly batch?: number;
  readonly classes: number;
  readonly masks?: number;
  /** Height and width of each level. */
  readonly levels: readonly (readonly [number, number])[];
  /** Anchors of each level. Default 3. */
  readonly anchors?: number;
}

export const HEADS: readonly Head[] = [
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

export const THRESHOLDS = [0, 0.001, 0.25, 0.6, 1];

export const columnsOf = ({ classes, masks = 0 }: Head): number => 5 + classes + masks;

/** A detect node on maps that are given as they are, and beside it an output that stands for mask prototypes. */
export function headGraph(head: Head): Graph {
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

export const mapsOf = (graph: Graph, seed: number, scale = 6): HostTensor<"float32">[] =>
  graph.inputs.map((id, i) => randomTensor(graph.values[id].shape, seed * 10 + i, scale));

/** Row numbers above the threshold as NMS sees it; `slack` lowers it. */
export function passing(data: Float32Array, head: Head, threshold: number, slack = 0): number[] {
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
export function sameBits(a: Float32Array, b: Float32Array): boolean {
  const [first, second] = [a, b].map((data) => new Uint32Array(data.slice().buffer));
  return first.length === second.length && first.every((word, i) => word === second[i]);
}

export async function candidatesOf(
  executable: WebGpuExecutable,
  inputs: readonly HostTensor[],
  threshold: number,
): Promise<CandidateOutputs> {
  const found = await executable.runCandidates({ inputs }, threshold);
  if (!found) throw new Error("the graph has a detection head");
  return found;
}

/** Every row that NMS would look at is there, and all rows are those of the whole output. @returns how many there are. */
export function expectCandidates(
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
