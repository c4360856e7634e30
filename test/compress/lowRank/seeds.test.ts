/** Random gradients of outputs against the forms that they stand for. */

import { describe, expect, test } from "vitest";
import { outputSeeds } from "../../../src/compress/lowRank/seeds.js";
import type { NodeOf } from "../../../src/ops/index.js";
import { seededRandom } from "../../../src/tensor/index.js";

describe("random gradients of outputs", () => {
  const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
  const distance = (p: number, q: number): number => p * Math.log(p / q) + (1 - p) * Math.log((1 - p) / (1 - q));

  test("boxes with anchors: squares are the curvature of the scores' distance, and boxes count where there is one", () => {
    const attrs = { anchors: [[16, 32]], strides: [8], outputs: 7, maskCoefficients: 0 };
    const head = { type: "detect", attrs } as unknown as NodeOf<"detect">;
    // One anchor, two cells: an object in the first, nothing in the second.
    const cells = [
      [0.3, 1, -8],
      [-0.2, 0, 0],
      [0.4, 0, 0],
      [-0.6, 0, 0],
      [1.2, 0, -8],
      [0.7, 0, 0],
      [-2, 0, 0],
    ];
    const map = Float32Array.from(cells.flatMap(([first, , second]) => [first, second]));
    const [seed] = outputSeeds(head, [[1, 7, 1, 2]], [map], seededRandom(1));
    const square = (row: number, cell: number): number => seed[row * 2 + cell] ** 2;
    const step = 1e-3;
    const curvature = (logit: number): number => (2 * distance(sigmoid(logit), sigmoid(logit + step))) / step ** 2;
    const sure = sigmoid(1.2);
    expect(square(4, 0)).toBeCloseTo(curvature(1.2), 3);
    expect(square(4, 1)).toBeCloseTo(curvature(-8), 3);
    for (const row of [5, 6]) expect(square(row, 0)).toBeCloseTo(sure * curvature(map[row * 2]), 3);
    // x ÷ width and log width of the decoded box, squared and times fifty.
    const width = (v: number): number => (2 * sigmoid(v)) ** 2 * 2;
    const shift = (2 * (sigmoid(0.3 + step) - sigmoid(0.3))) / step / width(0.4);
    const stretch = Math.log(width(0.4 + step) / width(0.4)) / step;
    expect(square(0, 0)).toBeCloseTo(50 * sure * shift ** 2, 1);
    expect(square(2, 0)).toBeCloseTo(50 * sure * stretch ** 2, 1);
    for (const row of [0, 1, 2, 3, 5, 6]) expect(square(row, 1)).toBe(0);
  });

  test("boxes without anchors: classes everywhere, distances where one of them is likely", () => {
    const attrs = { strides: [8], bins: [0, 1], classes: 2, extras: 1, keypointSize: 0, corners: false };
    const head = { type: "detectAnchorFree", attrs } as unknown as NodeOf<"detectAnchorFree">;
    const scores = Float32Array.of(1, -9, -1, -9);
    const shapes = [
      [1, 8, 1, 2],
      [1, 2, 1, 2],
      [1, 1, 1, 2],
    ];
    const [boxes, classes, extras] = outputSeeds(
      head,
      shapes,
      [new Float32Array(16), scores, new Float32Array(2)],
      seededRandom(1),
    );
    for (const [k, score] of scores.entries()) {
      expect(classes[k] ** 2).toBeCloseTo(sigmoid(score) * (1 - sigmoid(score)), 6);
    }
    const energy = (cell: number): number => boxes.reduce((sum, v, k) => sum + (k % 2 === cell ? v * v : 0), 0);
    expect(energy(0)).toBeCloseTo(50 * sigmoid(1), 3);
    expect(energy(1)).toBe(0);
    expect(extras[0] ** 2).toBeCloseTo(0.1 * sigmoid(1), 6);
    expect(extras[1]).toBe(0);
  });
});
