/** The protocol on toy sets whose figures were worked out by hand. */

import { describe, expect, test } from "vitest";
import { cocoAveragePrecision } from "../../src/eval/metrics/averagePrecision.js";
import { boxIou, matchDetections } from "../../src/eval/metrics/matching.js";
import { evaluate } from "../../src/eval/onDemand.js";
import { predictionLines } from "../../src/eval/predictionText.js";
import { evaluateToys, type Toy, ToyModel, toyDataset } from "./support.js";

/**
 * Class 0: three labels; found with 0.9 (right), 0.8 (wrong), 0.7 (right), 0.6 (right at IoU 0.5 to 0.75 only).
 * Class 1: one label, found at once. One picture is background and has a wrong box of class 1 below it.
 */
const TOYS: readonly Toy[] = [
  {
    labels: [
      [0, 4, 4, 24, 24],
      [1, 30, 30, 60, 60],
    ],
    found: [
      [0, 0.9, 4, 4, 24, 24],
      [1, 0.85, 30, 30, 60, 60],
    ],
  },
  { labels: [[0, 10, 10, 30, 30]], found: [[0, 0.7, 10, 10, 30, 30]] },
  { labels: [[0, 0, 0, 40, 40]], found: [[0, 0.6, 0, 0, 40, 31]] },
  {
    labels: [],
    found: [
      [0, 0.8, 40, 40, 60, 60],
      [1, 0.3, 5, 5, 20, 20],
    ],
  },
];

/** v7.0's AP of right, wrong, right, right of three labels: see averagePrecision.test.ts for the definition. */
function apOfClass0(all: boolean): number {
  // Recall 1/3 (precision 1), 1/3 (1/2), 2/3 (2/3), 1 (3/4 or, where the last is wrong, 2/3 with precision 1/2).
  const envelope = (recall: number): number => {
    if (recall === 0) return 1;
    if (recall < 1 / 3) return 1;
    if (all) {
      if (recall >= 1) return 0;
      // From the point at recall 1/3 the best precision to come is 3/4.
      return 0.75;
    }
    // [0, 1/3, 1/3, 2/3, 2/3, 1] with envelope [1, 1, 2/3, 2/3, 1/2, 0].
    if (recall < 2 / 3) return 2 / 3;
    return 0.5 - (0.5 * (recall - 2 / 3)) / (1 / 3);
  };
  let ap = 0;
  for (let i = 0; i < 100; i++) ap += (0.01 * (envelope(i / 100) + envelope((i + 1) / 100))) / 2;
  return ap;
}

describe("four pictures, two classes", () => {
  test("counts, AP and mAP equal those computed by hand", async () => {
    const { metrics, complete, failed } = await evaluateToys(TOYS, 2);
    expect([metrics.images, metrics.instances, complete, failed.length]).toEqual([4, 4, true, 0]);
    const [first, second] = metrics.perClass;
    expect([first.class, first.instances, second.class, second.instances]).toEqual([0, 3, 1, 1]);
    expect(first.map50).toBeCloseTo(apOfClass0(true), 9);
    // IoU 31/40 = 0.775: right at the six thresholds up to 0.75.
    expect(first.map50_95).toBeCloseTo((6 * apOfClass0(true) + 4 * apOfClass0(false)) / 10, 9);
    expect(second.map50).toBeCloseTo(0.995, 9);
    expect(second.map50_95).toBeCloseTo(0.995, 9);
    expect(metrics.map50).toBeCloseTo((first.map50 + second.map50) / 2, 12);
    expect(metrics.map50_95).toBeCloseTo((first.map50_95 + second.map50_95) / 2, 12);
  });

  test("AP by pycocotools' definition equals the one computed by hand from the same matches", async () => {
    const hits: { confidence: number; right: number }[] = [];
    await evaluateToys(TOYS, 2, {
      onPicture: ({ detections, labelBoxes, labelClasses }) => {
        const iou = boxIou(labelBoxes, detections.boxes);
        const correct = matchDetections({ iou, labelClasses, detectionClasses: detections.classes });
        for (const [i, c] of detections.classes.entries()) {
          if (c === 0) hits.push({ confidence: detections.confidences[i], right: correct[i] & 1 });
        }
      },
    });
    const ranked = hits.sort((a, b) => b.confidence - a.confidence).map(({ right }) => right);
    expect(ranked).toEqual([1, 0, 1, 1]);
    const found = ranked.map((_, i) => ranked.slice(0, i + 1).reduce((sum, right) => sum + right, 0));
    const ap = cocoAveragePrecision(
      found.map((n) => n / 3),
      found.map((n, i) => n / (i + 1)),
    );
    // Recalls 0 to 0.33 at precision 1 (34 points), 0.34 to 1 at 3/4 (67 points).
    expect(ap).toBeCloseTo((34 + 67 * 0.75) / 101, 12);
  });

  test("precision, recall and F1 are those at the best mean F1", async () => {
    const { metrics } = await evaluateToys(TOYS, 2);
    const { confidence, perClass, curves } = metrics;
    const point = Math.round(confidence * 999);
    for (const [i, own] of perClass.entries()) {
      expect(own.precision).toBe(curves[i].precision[point]);
      expect(own.recall).toBe(curves[i].recall[point]);
      expect(own.f1).toBeCloseTo((2 * own.precision * own.recall) / (own.precision + own.recall), 12);
    }
    // Below 0.3 every label of both classes is found, with one wrong box of class 1; from 0.3 to 0.6 with none: best.
    expect(confidence).toBeGreaterThan(0.3);
    expect(confidence).toBeLessThan(0.61);
    expect([perClass[0].precision, perClass[0].recall]).toEqual([0.75, 1]);
    expect(perClass[1].recall).toBe(1);
  });

  test("the number of pictures per forward pass changes nothing", async () => {
    const one = await evaluateToys(TOYS, 2);
    for (const forwardBatch of [2, 3, 32]) {
      const { metrics, confusion } = await evaluateToys(TOYS, 2, { forwardBatch });
      expect(metrics).toEqual(one.metrics);
      expect(confusion.counts).toEqual(one.confusion.counts);
    }
  });

  test("the confusion matrix counts wrong boxes of background pictures", async () => {
    const { confusion } = await evaluateToys(TOYS, 2);
    const rows = [0, 1, 2].map((predicted) => [0, 1, 2].map((truth) => confusion.at(predicted, truth)));
    expect(rows).toEqual([
      [3, 0, 1],
      [0, 1, 1],
      [0, 0, 0],
    ]);
  });

  test("as a single class, boxes and labels count as class 0 and suppress each other", async () => {
    const toys: Toy[] = [
      {
        labels: [[5, 10, 10, 40, 40]],
        found: [
          [1, 0.9, 10, 10, 40, 40],
          [0, 0.8, 11, 10, 40, 40],
        ],
      },
    ];
    const { metrics } = await evaluateToys(toys, 2, { singleClass: true });
    expect(metrics.perClass.map(({ class: c, instances, map50 }) => [c, instances, Math.round(map50 * 1e6)])).toEqual([
      [0, 1, 995000],
    ]);
    // Not suppressed, the second box would have lowered precision.
    expect(metrics.precision).toBe(1);
  });
});

describe("edges", () => {
  test("if nothing is found, figures are 0 and every label counts", async () => {
    const { metrics } = await evaluateToys([{ labels: [[1, 0, 0, 20, 20]], found: [] }], 2);
    const { precision, recall, map50, map50_95, instances } = metrics;
    expect([precision, recall, map50, map50_95, instances]).toEqual([0, 0, 0, 0, 1]);
    expect(metrics.perClass.map((c) => [c.class, c.instances, c.map50])).toEqual([[1, 1, 0]]);
  });

  test("without labels, figures are 0", async () => {
    const { metrics } = await evaluateToys([{ labels: [], found: [[0, 0.9, 0, 0, 20, 20]] }], 1);
    expect([metrics.images, metrics.instances, metrics.map50, metrics.perClass.length]).toEqual([1, 0, 0, 0]);
  });

  test("an empty data set gives zeros", async () => {
    const { metrics, complete } = await evaluateToys([], 1);
    expect([metrics.images, metrics.map50_95, complete]).toEqual([0, 0, true]);
  });

  test("classes that the model does not have are refused with the numbers", async () => {
    const toys: Toy[] = [
      { labels: [[7, 0, 0, 9, 9]], found: [] },
      {
        labels: [
          [7, 0, 0, 9, 9],
          [2, 0, 0, 9, 9],
        ],
        found: [],
      },
    ];
    await expect(evaluateToys(toys, 2)).rejects.toThrow(
      /toy: its labels use class 2 \(1 label\), class 7 \(2 labels\), but the model has 2 classes \(0 to 1\).*toy\/images\/1\.png/,
    );
  });

  test("a description with a different number of classes is refused", async () => {
    const dataset = { ...toyDataset([{ labels: [], found: [] }]), names: ["a", "b", "c"] };
    await expect(evaluate(new ToyModel([], 2, 64), dataset)).rejects.toThrow(
      /toy: describes 3 classes, but the model has 2/,
    );
  });

  test("a picture that cannot be read is left out and named", async () => {
    const { metrics, failed, complete } = await evaluateToys([...TOYS, { labels: [], found: [], broken: true }], 2);
    expect([metrics.images, complete]).toEqual([4, true]);
    expect(failed.map(({ sample, error }) => [sample.name, error.message])).toEqual([
      ["toy/images/4.png", "toy/images/4.png: damaged"],
    ]);
  });

  test("after an abort, figures cover what was done", async () => {
    const abort = new AbortController();
    const seen: number[] = [];
    const { metrics, complete } = await evaluateToys(TOYS, 2, {
      signal: abort.signal,
      onPicture: ({ done, total }) => {
        seen.push(done, total);
        if (done === 2) abort.abort();
      },
    });
    expect(seen).toEqual([1, 4, 2, 4]);
    expect([metrics.images, complete]).toEqual([2, false]);
    expect(metrics.map50).toBeGreaterThan(0.9);
  });
});

describe("input shapes, and mapping boxes back", () => {
  const box = (x1: number, y1: number, x2: number, y2: number) => ({
    labels: [[0, x1, y1, x2, y2] as const],
    found: [[0, 0.9, x1, y1, x2, y2] as const],
  });

  test("a batch fits its flattest and tallest picture, plus half a stride", async () => {
    const toys: Toy[] = [
      { width: 128, height: 64, ...box(10, 10, 50, 50) },
      { width: 128, height: 96, ...box(20, 20, 90, 90) },
      { width: 64, height: 128, ...box(5, 5, 60, 60) },
      { width: 100, height: 100, ...box(5, 5, 60, 60) },
    ];
    const model = new ToyModel(toys, 1, 128);
    const { metrics } = await evaluate(model, toyDataset(toys), { imgsz: 128, batchSize: 2, forwardBatch: 2 });
    // 0.75 × 128 / 32 + 0.5 = 3.5 → 128; 1 × 4 + 0.5 → 160. The last batch holds a square and a tall one: no side is 1.
    expect(model.inputs).toEqual([
      [2, 3, 128, 160],
      [2, 3, 160, 160],
    ]);
    expect(metrics.map50_95).toBeCloseTo(0.995, 6);
  });

  test("rect: false uses the whole square without half strides", async () => {
    const toys: Toy[] = [{ width: 128, height: 64, ...box(10, 10, 50, 50) }];
    const model = new ToyModel(toys, 1, 128);
    const { metrics } = await evaluate(model, toyDataset(toys), { imgsz: 128, rect: false });
    expect(model.inputs).toEqual([[1, 3, 128, 128]]);
    expect(metrics.map50_95).toBeCloseTo(0.995, 6);
  });

  test("boxes are in pixels of the original, also after shrinking and enlarging", async () => {
    for (const [width, height] of [
      [200, 100],
      [48, 32],
      [300, 301],
    ]) {
      const toys: Toy[] = [{ width, height, ...box(10, 8, 40, 30) }];
      const found: number[][] = [];
      await evaluateToys(toys, 1, {
        imgsz: 96,
        onPicture: ({ detections, labelBoxes }) => {
          found.push(Array.from(detections.boxes), Array.from(labelBoxes));
        },
      });
      // Within a pixel of the input: val.py cuts resized sides to whole pixels and scales by the height's ratio alone.
      const pixel = Math.max(width, height) / 96;
      expect(found.length).toBe(2);
      for (const row of found) {
        for (const [i, value] of [10, 8, 40, 30].entries()) expect(Math.abs(row[i] - value)).toBeLessThan(pixel);
      }
    }
  });

  test("imgsz is rounded up to the stride, with a warning", async () => {
    const warnings: string[] = [];
    const toys: Toy[] = [box(10, 8, 40, 30)];
    const model = new ToyModel(toys, 1, 96);
    await evaluate(model, toyDataset(toys), { imgsz: 90, onWarning: (text) => warnings.push(text) });
    expect(model.inputs).toEqual([[1, 3, 128, 128]]);
    expect(warnings).toEqual([
      expect.stringContaining("imgsz 90 must be a multiple of the largest stride 32; using 96"),
    ]);
  });

  test("lines of --save-txt are normalised, the most confident first", async () => {
    const lines: string[][] = [];
    const toys: Toy[] = [
      {
        labels: [],
        found: [
          [1, 0.5, 0, 0, 32, 16],
          [0, 0.75, 16, 16, 48, 48],
        ],
      },
    ];
    await evaluateToys(toys, 2, {
      onPicture: (outcome) => {
        lines.push(predictionLines(outcome, false), predictionLines(outcome, true));
      },
    });
    expect(lines).toEqual([
      ["0 0.5 0.5 0.5 0.5", "1 0.25 0.125 0.5 0.25"],
      ["0 0.5 0.5 0.5 0.5 0.75", "1 0.25 0.125 0.5 0.25 0.5"],
    ]);
  });
});
