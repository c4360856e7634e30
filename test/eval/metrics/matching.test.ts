/** IoU in float32 and v7.0's matching: who gets a contested label. */

import { describe, expect, test } from "vitest";
import { ConfusionMatrix } from "../../../src/eval/metrics/confusionMatrix.js";
import { boxIou, IOU_THRESHOLDS, matchDetections } from "../../../src/eval/metrics/matching.js";

const boxes = (...rows: readonly (readonly number[])[]): Float32Array => Float32Array.from(rows.flat());
/** Number of thresholds that a bit set reaches. */
const reached = (bits: number): number => bits.toString(2).replaceAll("0", "").length;

describe("IoU", () => {
  test("by hand", () => {
    const labels = boxes([0, 0, 10, 10], [20, 20, 30, 40]);
    const detections = boxes([0, 0, 10, 10], [5, 0, 15, 10], [100, 100, 110, 110], [20, 20, 30, 30]);
    const iou = boxIou(labels, detections);
    const expected = [1, 50 / 150, 0, 0, 0, 0, 0, 0.5];
    expect(iou.length).toBe(8);
    for (const [i, value] of expected.entries()) expect(iou[i]).toBeCloseTo(value, 6);
  });

  test("is 0 for touching and empty boxes, never NaN", () => {
    expect(Array.from(boxIou(boxes([0, 0, 5, 5]), boxes([5, 0, 9, 5], [2, 2, 2, 2])))).toEqual([0, 0]);
    expect(Array.from(boxIou(boxes([3, 3, 3, 3]), boxes([3, 3, 3, 3])))).toEqual([0]);
  });

  test("is rounded as in float32", () => {
    // In float64 this is 0.50000…: torch's float32 steps give a value below 0.5, so the label is not reached.
    const [value] = boxIou(boxes([0, 0, 3, 1]), boxes([0, 0, 1.5, 1]));
    expect(value).toBe(Math.fround(Math.fround(1.5) / Math.fround(Math.fround(3 + 1.5 - 1.5) + Math.fround(1e-7))));
  });
});

describe("matching", () => {
  const match = (iou: readonly number[], labelClasses: readonly number[], detectionClasses: readonly number[]) =>
    Array.from(matchDetections({ iou: Float32Array.from(iou), labelClasses, detectionClasses }), reached);

  test("a detection is right at thresholds up to and including its IoU", () => {
    expect(match([0.75], [0], [0])).toEqual([6]);
    expect(match([IOU_THRESHOLDS[9]], [0], [0])).toEqual([10]);
    expect(match([0.4999], [0], [0])).toEqual([0]);
  });

  test("other classes do not match", () => {
    expect(match([0.9], [1], [0])).toEqual([0]);
    expect(match([0.9, 0.6], [1, 0], [0])).toEqual([3]);
  });

  test("a contested label goes to the more confident detection, not to the larger IoU", () => {
    expect(match([0.6, 0.9], [0], [0, 0])).toEqual([3, 6]);
    // At 0.5, 0.55 and 0.6 the first takes it; above, where the first falls short, the second does.
    const [first, second] = matchDetections({
      iou: Float32Array.of(0.61, 0.9),
      labelClasses: [0],
      detectionClasses: [0, 0],
    });
    expect(first & second).toBe(0);
    expect((first | second).toString(2)).toBe("1".repeat(9));
  });

  test("a detection that loses its best label is wrong even if another label is free", () => {
    // Rows are labels. Both want label 0; detection 1 overlaps label 1 by 0.6 as well.
    expect(match([0.9, 0.8, 0.0, 0.6], [0, 0], [0, 0])).toEqual([9, 0]);
  });

  test("one detection cannot take two labels", () => {
    expect(match([0.7, 0.8], [0, 0], [0])).toEqual([7]);
  });

  test("no labels or no detections", () => {
    expect(match([], [], [0, 0])).toEqual([0, 0]);
    expect(match([], [0], [])).toEqual([]);
  });
});

describe("confusion matrix", () => {
  const add = (
    labels: readonly (readonly [number, ...number[]])[],
    found: readonly (readonly [number, number, ...number[]])[],
  ): ConfusionMatrix => {
    const matrix = new ConfusionMatrix(2);
    matrix.add({
      labelBoxes: boxes(...labels.map(([, ...box]) => box)),
      labelClasses: labels.map(([c]) => c),
      boxes: boxes(...found.map(([, , ...box]) => box)),
      confidences: found.map(([, confidence]) => confidence),
      classes: found.map(([c]) => c),
    });
    return matrix;
  };

  test("counts right, confused, missed and background boxes", () => {
    const matrix = add(
      [
        [0, 0, 0, 10, 10],
        [1, 20, 20, 30, 30],
        [1, 50, 50, 60, 60],
      ],
      [
        [0, 0.9, 0, 0, 10, 10],
        [0, 0.8, 20, 20, 30, 30],
        [1, 0.7, 80, 80, 90, 90],
        [1, 0.25, 50, 50, 60, 60],
      ],
    );
    const rows = [0, 1, 2].map((predicted) => [0, 1, 2].map((truth) => matrix.at(predicted, truth)));
    // The last box has a confidence of exactly 0.25, which is not above it: its label counts as missed.
    expect(rows).toEqual([
      [1, 1, 0],
      [0, 0, 1],
      [0, 1, 0],
    ]);
  });

  test("the larger overlap gets the label, whatever its confidence", () => {
    const matrix = add(
      [[0, 0, 0, 10, 10]],
      [
        [1, 0.9, 0, 0, 10, 8],
        [0, 0.5, 0, 0, 10, 10],
      ],
    );
    expect([matrix.at(0, 0), matrix.at(1, 0), matrix.at(1, 2)]).toEqual([1, 0, 1]);
  });

  test("counts boxes in a picture without labels as background", () => {
    const matrix = add([], [[1, 0.9, 0, 0, 10, 10]]);
    expect([matrix.at(1, 2), matrix.counts.reduce((a, b) => a + b)]).toEqual([1, 1]);
  });
});
