/** AP by hand: v7.0's definition and pycocotools'. */

import { describe, expect, test } from "vitest";
import {
  averagePrecision,
  cocoAveragePrecision,
  precisionEnvelope,
} from "../../../src/eval/metrics/averagePrecision.js";

/** Recall and precision after each detection: 1 right, 0 wrong. */
function curve(hits: readonly (0 | 1)[], labels: number) {
  let right = 0;
  const recall: number[] = [];
  const precision: number[] = [];
  for (const [i, hit] of hits.entries()) {
    right += hit;
    recall.push(right / labels);
    precision.push(right / (i + 1));
  }
  return { recall, precision };
}

describe("COCO's definition: the mean of the envelope at recalls 0, 0.01, …, 1", () => {
  test("a perfect class has 1", () => {
    const { recall, precision } = curve([1, 1], 2);
    expect(cocoAveragePrecision(recall, precision)).toBe(1);
  });

  test("right, wrong, right with two labels: 51 recalls at precision 1, 50 at 2/3", () => {
    const { recall, precision } = curve([1, 0, 1], 2);
    expect(cocoAveragePrecision(recall, precision)).toBeCloseTo((51 + 50 * (2 / 3)) / 101, 12);
  });

  test("wrong, right with four labels: recalls up to 0.25 at precision 1/2, nothing beyond", () => {
    const { recall, precision } = curve([0, 1], 4);
    expect(cocoAveragePrecision(recall, precision)).toBeCloseTo((26 * 0.5) / 101, 12);
  });

  test("without detections it is 0", () => {
    expect(cocoAveragePrecision([], [])).toBe(0);
  });
});

describe("v7.0's definition: trapezoids between the 101 recalls, the last of which has precision 0", () => {
  test("a perfect class has 0.995", () => {
    const { recall, precision } = curve([1, 1], 2);
    expect(averagePrecision(recall, precision).ap).toBeCloseTo(0.995, 12);
  });

  test("right, wrong, right with two labels", () => {
    // Recall is [0.5, 0.5, 1]: at exactly 0.5 the last point counts, so precision falls from 1 at 0.49 to 2/3 at 0.5
    // and to 0 at 1: 0.49 × 1 + 0.01 × (1 + 2/3) / 2 + 0.49 × 2/3 + 0.01 × (2/3) / 2.
    const { recall, precision } = curve([1, 0, 1], 2);
    const expected = 0.49 + 0.01 * (5 / 6) + 0.49 * (2 / 3) + 0.01 * (1 / 3);
    expect(averagePrecision(recall, precision).ap).toBeCloseTo(expected, 12);
  });

  test("the rest of the curve slopes from the last detection to recall 1", () => {
    // One of four labels found at once: precision 1 up to recall 0.25, then a line down to (1, 0).
    const { recall, precision } = curve([1], 4);
    expect(averagePrecision(recall, precision).ap).toBeCloseTo(0.25 + 0.75 / 2, 12);
  });

  test("the envelope never rises", () => {
    expect(Array.from(precisionEnvelope([0, 0.5, 2 / 3, 0.5, 0.6]))).toEqual([2 / 3, 2 / 3, 2 / 3, 0.6, 0.6]);
    const { recall, envelope } = averagePrecision([0.5, 0.5, 1], [1, 0.5, 2 / 3]);
    expect(Array.from(recall)).toEqual([0, 0.5, 0.5, 1, 1]);
    expect(Array.from(envelope)).toEqual([1, 1, 2 / 3, 2 / 3, 0]);
  });
});
