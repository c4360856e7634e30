/** Keypoints in evaluation: label files, similarity by hand, and a model that finds them. */

import { describe, expect, it } from "vitest";
import { CocoResults } from "../../src/eval/coco/cocoResults.js";
import { parseLabels } from "../../src/eval/dataset/labels.js";
import type { PictureOutcome } from "../../src/eval/evaluation.js";
import { keypointSimilarity, sigmasOf } from "../../src/eval/keypoints.js";
import type { EvaluationModel } from "../../src/eval/model.js";
import { evaluate } from "../../src/eval/onDemand.js";

const SHAPE = { count: 2, size: 3 };
const LINE = "0 0.5 0.5 0.4 0.4 0.4 0.4 2 0.6 0.6 1";

describe("pose label files", () => {
  it("have points after the box; lines without points are boxes", () => {
    const { truth, problems } = parseLabels(`${LINE}\n0 0.2 0.2 0.1 0.1\n`, SHAPE);
    expect(problems).toEqual([]);
    expect([...truth.boxes.subarray(0, 4)]).toEqual([0.5, 0.5, 0.4, 0.4].map(Math.fround));
    expect(truth.keypoints?.[0]).toEqual(Float32Array.of(0.4, 0.4, 2, 0.6, 0.6, 1));
    expect(truth.keypoints?.[1]).toBeUndefined();
    expect(truth.polygons).toEqual([[], []]);
  });

  it("without visibilities, points at the origin count as not labelled", () => {
    const { truth } = parseLabels("0 0.5 0.5 0.4 0.4 0.4 0.4 0 0", { count: 2, size: 2 });
    expect(truth.keypoints?.[0]).toEqual(Float32Array.of(0.4, 0.4, 2, 0, 0, 0));
  });

  it("with a wrong line are refused with the reason", () => {
    const problem = (text: string) => parseLabels(text, SHAPE).problems[0]?.message;
    expect(problem("0 0.5 0.5 0.4 0.4 0.4 0.4 2")).toBe(
      "8 columns; a box has 5 (class x y w h), one with 2 keypoints 11",
    );
    expect(problem(LINE.replace("0.6 0.6 1", "0.6 1.6 1"))).toMatch(/^1\.6 is above 1/);
    expect(problem(LINE.replace("0.6 0.6 1", "0.6 x 1"))).toBe('"x" is not a number');
  });
});

describe("similarity", () => {
  const { truth } = parseLabels(LINE, SHAPE);
  const boxes = Float32Array.of(30, 30, 70, 70);
  const placement = {
    scaleBack: { gain: 1, padX: 0, padY: 0 },
    loaded: [100, 100],
    input: [100, 100],
    original: [100, 100],
  } as const;
  const oks = (...points: number[]): number => {
    const candidate = { x1: 30, y1: 30, x2: 70, y2: 70, confidence: 1, classIndex: 0, row: 0 };
    const keypoints = Float32Array.from(points);
    return keypointSimilarity(truth, boxes, [{ ...candidate, keypoints }], 3, placement)[0];
  };

  it("is 1 at the labelled positions and falls with the squared distance", () => {
    expect(oks(40, 40, 1, 60, 60, 1)).toBeCloseTo(1, 6);
    // Two points: σ = 1/2 each; area 40·40·0.53. One point is off by 3 and 4 pixels.
    const expected = (1 + Math.exp(-25 / (2 * 1600 * 0.53))) / 2;
    expect(oks(43, 44, 1, 60, 60, 1)).toBeCloseTo(expected, 5);
  });

  it("uses COCO's deviations for its points", () => {
    expect(sigmasOf(17)).toHaveLength(17);
    expect([sigmasOf(17)[0], sigmasOf(17)[11]]).toEqual([0.026, 0.107]);
    expect(sigmasOf(4)).toEqual([0.25, 0.25, 0.25, 0.25]);
  });
});

describe("a pose model", () => {
  const picture = { width: 64, height: 64, data: new Uint8Array(64 * 64 * 3).fill(114) };
  const datasetOf = (text: string, keypoints: typeof SHAPE | undefined) => ({
    name: "poses",
    names: ["person"],
    excluded: [],
    samples: [
      { name: "a.png", width: 64, height: 64, truth: parseLabels(text, keypoints).truth, load: async () => picture },
    ],
  });
  /** Finds the labelled box, with its points off by `error` pixels. */
  const modelWith = (error: number): EvaluationModel => ({
    info: {
      task: "pose",
      names: ["person"],
      classes: 1,
      stride: 32,
      maskCoefficients: 0,
      family: "ultralytics",
      keypoints: SHAPE,
      defaultImgsz: [64, 64],
    },
    forward: () => Promise.reject(new Error("not asked for")),
    inferRows: async () => {
      const points = [0.4, 0.6].flatMap((at) => [64 * at + error, 64 * at, 0.9]);
      const data = Float32Array.of(32, 32, 25.6, 25.6, 0.9, ...points);
      return { candidates: [{ rows: Int32Array.of(0), data, columns: data.length, total: 1 }], others: [] };
    },
  });

  it("is measured by boxes and by points", async () => {
    const options = { imgsz: 64, rect: false };
    const right = await evaluate(modelWith(0), datasetOf(LINE, SHAPE), options);
    expect(right.metrics.map50_95).toBeCloseTo(0.995, 3);
    expect(right.keypointMetrics?.map50_95).toBeCloseTo(0.995, 3);
    // Off by 12 pixels: OKS = exp(−144 ÷ (2·25.6²·0.53)) = 0.81, right up to 0.8.
    const near = await evaluate(modelWith(12), datasetOf(LINE, SHAPE), options);
    expect(near.metrics.map50_95).toBeCloseTo(0.995, 3);
    expect(near.keypointMetrics?.map50).toBeCloseTo(0.995, 3);
    expect(near.keypointMetrics?.map50_95).toBeCloseTo(0.995 * 0.7, 3);
  });

  it("writes keypoints in COCO's results format", async () => {
    const results = new CocoResults({ names: ["person"], keypointSize: 3 });
    const onPicture = (outcome: PictureOutcome) => results.add(outcome, 7);
    await evaluate(modelWith(1), datasetOf(LINE, SHAPE), { imgsz: 64, rect: false, onPicture });
    expect(results.entries).toEqual([
      {
        image_id: 7,
        category_id: 0,
        bbox: [19.2, 19.2, 25.6, 25.6],
        score: 0.9,
        keypoints: [26.6, 25.6, 0.9, 39.4, 38.4, 0.9],
      },
    ]);
  });

  it("needs labels with points", async () => {
    await expect(evaluate(modelWith(0), datasetOf("0 0.5 0.5 0.4 0.4", undefined), {})).rejects.toThrow(
      /^evaluate: no label of poses has keypoints; .* option keypoints$/,
    );
  });
});
