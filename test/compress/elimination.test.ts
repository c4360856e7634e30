/** Importance from data: what others say as well costs nothing to lose; sensitivity and the search for an amount. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  ChannelPruner,
  largestAmount,
  layerSensitivities,
  moduleFlops,
  outputErrorOf,
} from "../../src/compress/index.js";
import { outputError } from "../../src/compress/outputError.js";
import type { WeightUse } from "../../src/compress/prune/channels.js";
import { eliminationScores } from "../../src/compress/prune/elimination.js";
import { openWasm } from "../../src/node/wasm.js";
import type { Backend } from "../../src/runtime/backend.js";
import { tensor } from "../../src/tensor/index.js";
import { codes, noise } from "./support.js";

/** Four channels: 0 and 1 the same but for little noise, 2 independent, 3 independent and hardly read. */
function reader(): { use: WeightUse; covariance: Float64Array } {
  const weight = tensor("float32", [2, 4, 1, 1], Float32Array.of(1, 1, 1, 0.1, 1, -0.5, 1, 0.1));
  const use = { weight, layout: "conv", inputs: [0, 1, 2, 3], outputs: [4, 5] } as unknown as WeightUse;
  const covariance = Float64Array.of(1, 0.999, 0, 0, 0.999, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1);
  return { use, covariance };
}

describe("elimination", () => {
  const map = { weights: [], norms: [], slices: [], fixed: new Map(), unitsOf: () => [] };
  const grouping = { groups: [{ layers: ["a"], units: [0, 1, 2, 3] }], kept: [] };

  test("removes one of two equal channels first, and then needs the other", async () => {
    const scores = await eliminationScores(map, grouping, [reader()], 0.25);
    const of = (unit: number): number => scores.get(unit) ?? Number.NaN;
    const twins = [of(0), of(1)].sort((a, b) => a - b);
    expect(twins[0]).toBeLessThan(0.01);
    expect(of(3)).toBeGreaterThan(twins[0]);
    expect(of(3)).toBeLessThan(0.02);
    expect(Math.min(twins[1], of(2))).toBeGreaterThan(0.1);
    // A quarter stays, whatever it costs.
    expect([of(0), of(1), of(2), of(3)].filter((v) => v === Number.POSITIVE_INFINITY)).toHaveLength(1);
  });

  test("weights an error in a sensitive layer more", async () => {
    const plain = await eliminationScores(map, grouping, [reader()]);
    const weighted = await eliminationScores(map, grouping, [{ ...reader(), factor: 10 }]);
    for (const [unit, score] of plain) {
      if (Number.isFinite(score)) expect(weighted.get(unit)).toBeCloseTo(10 * score, 6);
    }
  });
});

describe("output error", () => {
  const head = {
    kind: "detect",
    classes: 2,
    strides: [8],
    anchors: [[]],
    outputs: 7,
    maskCoefficients: 0,
    family: "yolov5",
    endToEnd: false,
  } as const;
  const row = (x: number, score: number) => [x, 20, 10, 10, score, 1, 0];
  const of = (...rows: number[][]) => tensor("float32", [1, rows.length, 7], Float32Array.from(rows.flat()));

  test("is 0 for equal outputs and 1 for silence, and boxes count only where there is an object", () => {
    const expected = of(row(10, 0.8), row(50, 0.01));
    expect(outputError(expected, expected, head)).toBe(0);
    expect(outputError(of(row(10, 0), row(50, 0)), expected, head)).toBeCloseTo(1, 6);
    expect(outputError(of(row(15, 0.8), row(50, 0.01)), expected, head)).toBeCloseTo(0.25, 3);
    expect(outputError(of(row(10, 0.8), row(90, 0.01)), expected, head)).toBe(0);
  });
});

describe("on a network", () => {
  let backend: Backend;
  const inputs = [noise(96, 96, 1), noise(96, 96, 2)];
  beforeAll(async () => {
    backend = await openWasm();
  });
  afterAll(() => backend.dispose());

  test("every convolution has a sensitivity", async () => {
    const rows = await layerSensitivities(codes().module, inputs, backend);
    expect(rows.length).toBeGreaterThan(40);
    expect(rows[0].layer).toBe("model.0.conv");
    expect(rows.every(({ factor }) => Number.isFinite(factor) && factor >= 0)).toBe(true);
    expect(rows.some(({ factor }) => factor > 0)).toBe(true);
  });

  test("a fraction of the operations is reached without removing much more", async () => {
    const { module } = codes();
    const options = { criterion: "data", scope: "global", round: 4 } as const;
    const pruner = await ChannelPruner.prepare(module, inputs, backend, options);
    const { module: pruned, cut, flopsRatio } = await pruner.prune(pruner.countsForFlops(0.8));
    expect(flopsRatio).toBeLessThanOrEqual(0.8);
    expect(flopsRatio).toBeGreaterThan(0.74);
    expect(moduleFlops(pruned, [256, 256]) / moduleFlops(module, [256, 256])).toBeCloseTo(flopsRatio, 6);
    const error = (candidate: typeof module) => outputErrorOf(candidate, module, inputs, backend);
    expect(await error(pruned)).toBeLessThan(await error(cut));
    expect(() => pruner.countsForFlops(0.01)).toThrow(/cannot be reached/);
    expect(() => pruner.countsForFlops(1.5)).toThrow(/must be above 0 and at most 1/);
  });
});

test("the largest amount within a loss is found by halving", async () => {
  const tried: number[] = [];
  const loss = async (amount: number): Promise<number> => {
    tried.push(amount);
    return 100 * amount ** 2;
  };
  const found = await largestAmount(2, loss, { to: 0.4, steps: 6 });
  expect(found).toBeLessThanOrEqual(Math.sqrt(0.02));
  expect(found).toBeGreaterThan(Math.sqrt(0.02) - 0.4 / 2 ** 6 - 1e-9);
  expect(tried).toHaveLength(6);
  expect(await largestAmount(-1, loss)).toBe(0);
});
