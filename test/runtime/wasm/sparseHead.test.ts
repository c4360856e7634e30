/** Rows above a threshold, computed for the pixels alone that have any: the same bits as out of all rows. */

import { afterEach, describe, expect, it, vi } from "vitest";
import { quantizeWeight } from "../../../src/compress/quantize/weights.js";
import { openWasm } from "../../../src/node/wasm.js";
import { type Graph, GraphBuilder, type ValueId, wideScales, wideWeight } from "../../../src/ops/index.js";
import { takesPictures } from "../../../src/runtime/backend.js";
import { createProgram } from "../../../src/runtime/wasm/index.js";
import { ModelMemory } from "../../../src/runtime/wasm/run/modelMemory.js";
import type { HostTensor } from "../../../src/tensor/index.js";
import { dequantizeWeight } from "../../../src/yolov5/checkpoint/quantized.js";
import { randomTensor } from "../../support/random.js";

const PICTURES = 2;
const OUTPUTS = 7;
const ANCHORS = [
  [10, 13, 16, 30, 33, 23],
  [30, 61, 62, 45],
];

/** Weights of a network: as they are, or those of the heads wide. */
type Weights = "float32" | "wide";

/** Two levels, of three anchors and of two; the second reads a concat with a gap, the first what a 3×3 convolution reads too. */
function twoLevels(activation: "identity" | "silu" = "identity", weights: Weights = "float32"): Graph {
  const b = new GraphBuilder();
  const conv = (name: string, x: ValueId, o: number, k: number, s: number, kind: "identity" | "silu"): ValueId => {
    const source = randomTensor([o, b.shape(x)[1], k, k], o * k, 0.3);
    const form = weights === "wide" ? quantizedForm(source, name.startsWith("level")) : undefined;
    const weight = b.constant(`${name}.w`, form?.weight ?? source);
    const id = b.add("conv2d", name, [x, weight, b.constant(`${name}.b`, randomTensor([o], o + k))], {
      ...(form ? { quantization: form.quantization } : {}),
      stride: [s, s],
      padding: [k >> 1, k >> 1],
      dilation: [1, 1],
      groups: 1,
      activation: { kind },
      hasBias: true,
      hasResidual: false,
    });
    b.tap(name, id);
    return id;
  };
  const x = b.input("images", { shape: [PICTURES, 3, 96, 64], dtype: "float32" });
  const first = conv("first", x, 20, 3, 2, "silu");
  const second = conv("second", first, 7, 3, 2, "silu");
  const cat = b.add("concat", "cat", [second, conv("side", second, 16, 1, 1, "silu")], { axis: 1 });
  const levels = [first, cat].map((from, i) =>
    conv(`level${i}`, from, (ANCHORS[i].length / 2) * OUTPUTS, 1, 1, activation),
  );
  const head = { anchors: ANCHORS, strides: [2, 4], outputs: OUTPUTS, maskCoefficients: 0 };
  return b.finish([b.add("detect", "head", levels, head)]);
}

const INPUT = { inputScale: 0.03, inputZeroPoint: 20 };

function quantizedForm(source: HostTensor<"float32">, wide: boolean) {
  if (wide) {
    const scales = wideScales(source);
    const weight = wideWeight(source, scales);
    return { weight, quantization: { ...INPUT, weightScales: scales.data, wide } };
  }
  const { weight, scales } = quantizeWeight(source);
  return { weight: dequantizeWeight(weight, scales.data), quantization: { ...INPUT, weightScales: scales.data } };
}

/** The rows of a whole output that are above a threshold. */
function rowsAbove({ shape, data }: HostTensor, threshold: number) {
  const [pictures, total, columns] = shape;
  return Array.from({ length: pictures }, (_, n) => {
    const row = (r: number) =>
      (data as Float32Array).subarray((n * total + r) * columns, (n * total + r + 1) * columns);
    const rows = Array.from({ length: total }, (_, r) => r).filter((r) => row(r)[4] > Math.fround(threshold));
    return {
      rows: Int32Array.from(rows),
      data: Float32Array.from(rows.flatMap((r) => [...row(r)])),
      columns,
      total,
    };
  });
}

/** The objectness that this part of all rows exceeds. */
function thresholdOf({ shape, data }: HostTensor, part: number): number {
  const columns = shape[2];
  const scores = Float32Array.from({ length: data.length / columns }, (_, row) => data[row * columns + 4] as number);
  scores.sort();
  return scores[Math.floor(scores.length * (1 - part))];
}

afterEach(() => vi.restoreAllMocks());

describe("a head of which few rows are asked for", () => {
  it.each([
    [1, "float32", undefined],
    [2, "float32", undefined],
    [3, "float32", undefined],
    [1, "wide", "int16"],
    [1, "wide", "unsigned"],
    [3, "wide", "unsigned"],
    [1, "wide", "signed"],
  ] as const)("gives the bits of the whole one, with %s threads, %s %s", async (threads, weights, integers) => {
    const backend = await openWasm({ threads, ...(integers ? { integers } : {}) });
    const graph = twoLevels("identity", weights);
    const head = createProgram(graph, new Set(), threads, 0, integers).lowering.sparseHead;
    if (!head) throw new Error("the head has no steps for few rows");
    const executable = await backend.compile(graph, integers ? { dtype: "int8" } : {});
    if (!takesPictures(executable)) throw new Error("the backend selects no rows");
    const run = vi.spyOn(ModelMemory.prototype, "run");
    for (const seed of [1, 2]) {
      const inputs = [randomTensor([PICTURES, 3, 96, 64], seed, 3)];
      const [whole] = await executable.run(inputs);
      // Many, some, few and no rows, in turns.
      const parts = [0.9, 0.02, 0.2, 0.001];
      for (const threshold of [...parts.map((part) => thresholdOf(whole, part)), 0, 0.999, 1]) {
        run.mockClear();
        const found = await executable.runCandidates({ inputs }, threshold);
        expect(found).toEqual({ candidates: rowsAbove(whole, threshold), others: [] });
        const steps = run.mock.calls.flatMap(([, first, end, parts = []]) => {
          const skipped = new Set(parts.filter(({ from, to }) => from === to).map(({ step }) => step));
          return Array.from({ length: end - first }, (_, step) => first + step).filter((step) => !skipped.has(step));
        });
        const listed = threshold === 0.999 || parts.slice(1, 2).some((part) => threshold === thresholdOf(whole, part));
        const all = threshold === 0 || threshold === 1 || threshold === thresholdOf(whole, parts[0]);
        if (listed) expect(steps).toEqual(expect.arrayContaining([head.listed[0]]));
        if (listed) expect([...head.whole].some((step) => steps.includes(step))).toBe(false);
        if (all) expect(steps).toEqual(expect.arrayContaining([...head.whole]));
        expect(steps.length).toBe(new Set(steps).size);
      }
    }
    executable.dispose();
    backend.dispose();
  });

  it("has no such steps where its last layer is of another kind, or is read", () => {
    const graph = twoLevels();
    const level = graph.values.find(({ name }) => name === "level1");
    expect(createProgram(graph, new Set(), 1).lowering.sparseHead).toBeDefined();
    expect(createProgram(graph, new Set([level?.id ?? -1]), 1).lowering.sparseHead).toBeUndefined();
    expect(createProgram(twoLevels("silu"), new Set(), 1).lowering.sparseHead).toBeUndefined();
  });
});
