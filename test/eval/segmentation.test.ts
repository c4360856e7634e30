/** Masks: predictions at the prototypes' resolution, labels drawn and sampled down, figures of their own. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { COCO_CATEGORY_IDS, COCO_NAMES } from "../../src/eval/coco/coco80.js";
import { CocoResults } from "../../src/eval/coco/cocoResults.js";
import type { DetectionDataset } from "../../src/eval/dataset/types.js";
import type { PictureOutcome } from "../../src/eval/evaluation.js";
import { labelMasks, labelMasksInPicture, maskIou, predictedMasks } from "../../src/eval/masks.js";
import type { EvaluationModel } from "../../src/eval/model.js";
import { evaluate } from "../../src/eval/onDemand.js";
import type { CandidateOutputs } from "../../src/runtime/backend.js";
import type { HostTensor } from "../../src/tensor/index.js";
import type { NetworkInput } from "../../src/yolov5/input/preprocess.js";
import { compressCounts, expandCounts } from "../../src/yolov5/output/masks/cocoRle.js";
import { type BinaryMask, encodeRle, maskArea, maskFromBitmap } from "../../src/yolov5/output/masks/rle.js";
import type { Candidate } from "../../src/yolov5/output/nms/nms.js";
import { allRows } from "../../src/yolov5/output/nms/rows.js";
import { REPOSITORY } from "../support/reference.js";

const candidate = (x1: number, y1: number, x2: number, y2: number, ...coefficients: number[]): Candidate => ({
  ...{ x1, y1, x2, y2, confidence: 0.9, classIndex: 0, row: 0 },
  coefficients: Float32Array.from(coefficients),
});
const placement = {
  scaleBack: { gain: 1, padX: 0, padY: 0 },
  loaded: [32, 32],
  input: [32, 32],
  original: [32, 32],
} as const;
const windowOf = ({ x0, y0, x1, y1 }: BinaryMask): number[] => [x0, y0, x1, y1];

describe("masks", () => {
  // Channel 0 is 1 in the left half and −1 in the right one; channel 1 is 1 everywhere.
  const protos = {
    channels: 2,
    width: 8,
    height: 8,
    data: Float32Array.from({ length: 128 }, (_, i) => (i >= 64 ? 1 : i % 8 < 4 ? 1 : -1)),
  };

  test("of predictions are positive sums inside their box, at a quarter of the input", () => {
    const [left, whole, right] = predictedMasks(
      protos,
      [candidate(8, 8, 24, 24, 1, 0), candidate(7.9, 8.1, 24.1, 23.9, 0, 1), candidate(-9, 0, 99, 32, -1, -0.5)],
      [32, 32],
    );
    expect([windowOf(left), maskArea(left)]).toEqual([[2, 2, 6, 6], 8]);
    expect([windowOf(whole), maskArea(whole)]).toEqual([[2, 3, 7, 6], 15]);
    expect([windowOf(right), maskArea(right)]).toEqual([[0, 0, 8, 8], 32]);
  });

  test("of labels are their outlines, or their boxes if they have none", () => {
    const truth = {
      classes: Int32Array.of(0, 0, 0),
      boxes: Float32Array.of(0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.1, 0.1, 0.01, 0.01),
      polygons: [[], [Float32Array.of(0.25, 0.25, 0.5, 0.25, 0.5, 0.75, 0.25, 0.75)], []],
    };
    const [box, outline, speck] = labelMasks(truth, placement, [8, 8]);
    // Rows 8 to 24 with both ends drawn: a cell counts where at least three of its middle four pixels are set.
    expect([windowOf(box), maskArea(box)]).toEqual([[2, 2, 6, 6], 16]);
    expect([windowOf(outline), maskArea(outline)]).toEqual([[2, 2, 4, 6], 8]);
    expect(maskArea(speck)).toBe(0);
  });

  test("are drawn from run lengths at the place and size that the picture has in the input", () => {
    // Columns 2 to 6, rows 4 to 10 of a picture of 16×16, with a hole of 2×2 in the middle.
    const bitmap = Uint8Array.from({ length: 256 }, (_, i) => {
      const [x, y] = [i % 16, Math.floor(i / 16)];
      const hole = x >= 3 && x < 5 && y >= 6 && y < 8;
      return Number(x >= 2 && x < 6 && y >= 4 && y < 10 && !hole);
    });
    const mask = encodeRle(maskFromBitmap(bitmap, 16, 16));
    const truth = { classes: Int32Array.of(0), boxes: new Float32Array(4), polygons: [[]], masks: [mask] };
    const twice = {
      ...placement,
      scaleBack: { gain: 2, padX: 4, padY: 8 },
      loaded: [32, 32],
      input: [48, 40],
    } as const;
    const [drawn] = labelMasks(truth, twice, [48, 40]);
    expect([windowOf(drawn), maskArea(drawn)]).toEqual([[8, 16, 16, 28], 4 * (24 - 4)]);
    const [sampled] = labelMasks(truth, twice, [12, 10]);
    expect([windowOf(sampled), maskArea(sampled)]).toEqual([[2, 4, 4, 7], 4]);
    const [own] = labelMasksInPicture(truth, [16, 16]);
    expect([windowOf(own), maskArea(own)]).toEqual([[2, 4, 6, 10], 20]);
  });

  test("have the IoU computed by hand, and 0 between classes", () => {
    const masks = predictedMasks(
      protos,
      [candidate(0, 0, 16, 16, 0, 1), candidate(8, 0, 24, 16, 0, 1), candidate(16, 16, 32, 32, 0, 1)],
      [32, 32],
    );
    const iou = maskIou({ masks: [masks[0]], classes: [0] }, { masks, classes: [0, 0, 0] });
    for (const [i, value] of [1, 8 / 24, 0].entries()) expect(iou[i]).toBeCloseTo(value, 6);
    expect(Array.from(maskIou({ masks: [masks[0]], classes: [1] }, { masks, classes: [0, 0, 0] }))).toEqual([0, 0, 0]);
  });
});

test("have torch's IoU of predictions and outlines (test/fixtures/eval/make.py)", () => {
  interface Fixture {
    readonly input: readonly [number, number];
    readonly protoSize: readonly [number, number];
    readonly protos: readonly number[];
    readonly coefficients: readonly (readonly number[])[];
    readonly boxes: readonly (readonly [number, number, number, number])[];
    readonly outlines: readonly (readonly number[])[];
    readonly iou: readonly (readonly number[])[];
  }
  const file = readFileSync(join(REPOSITORY, "test", "fixtures", "eval", "numeric.json"), "utf8");
  const { input, protoSize, ...fixture } = (JSON.parse(file) as { readonly masks: Fixture }).masks;
  const [height, width] = protoSize;
  const protos = { channels: 3, height, width, data: Float32Array.from(fixture.protos) };
  const candidates = fixture.boxes.map((box, i) => candidate(...box, ...fixture.coefficients[i]));
  const predicted = predictedMasks(protos, candidates, input);
  const truth = {
    classes: new Int32Array(fixture.outlines.length),
    boxes: new Float32Array(4 * fixture.outlines.length),
    polygons: fixture.outlines.map((outline) => [Float32Array.from(outline)]),
  };
  const masks = labelMasks(truth, { ...placement, loaded: input, input, original: input }, protoSize);
  const iou = maskIou(
    { masks, classes: truth.classes },
    { masks: predicted, classes: new Int32Array(candidates.length) },
  );
  expect(Array.from(iou)).toEqual(fixture.iou.flat());
  expect(iou.filter((value) => value > 0.05).length).toBeGreaterThan(5);
});

/** One picture of 64×64 (input 96×96, 16 pixels of padding) with one box whose mask is its left half. */
class LeftHalf implements EvaluationModel {
  readonly info = { task: "segment", names: ["thing"], classes: 1, stride: 32, maskCoefficients: 1 } as const;
  async forward(input: HostTensor): Promise<HostTensor[]> {
    const [n, , h, w] = input.shape;
    const prediction = new Float32Array(n * 7);
    const proto = new Float32Array((n * h * w) / 16);
    for (let i = 0; i < n; i++) prediction.set([48, 48, 32, 32, 1, 0.9, 1], 7 * i);
    for (let i = 0; i < proto.length; i++) proto[i] = i % (w / 4) < w / 8 ? 3 : -3;
    return [
      { dtype: "float32", shape: [n, 1, 7], data: prediction },
      { dtype: "float32", shape: [n, 1, h / 4, w / 4], data: proto },
    ];
  }
  async inferRows({ inputs }: NetworkInput): Promise<CandidateOutputs> {
    if (!inputs) throw new Error("evaluation gives tensors");
    return allRows(await this.forward(inputs[0]));
  }
}

function dataset(box: readonly number[], polygon: readonly number[]): DetectionDataset {
  const image = { width: 64, height: 64, data: new Uint8Array(64 * 64 * 3) };
  const truth = {
    classes: Int32Array.of(0),
    boxes: Float32Array.from(box),
    polygons: [[Float32Array.from(polygon)]],
  };
  const sample = { name: "images/000012.png", width: 64, height: 64, truth, load: async () => image };
  return { name: "toy", samples: [sample], names: undefined, excluded: [] };
}

describe("a segmentation model", () => {
  const left = [0.25, 0.25, 0.484375, 0.25, 0.484375, 0.734375, 0.25, 0.734375];

  test("has separate figures for boxes and masks", async () => {
    // The box is right, the mask is the box's left half.
    const both = await evaluate(new LeftHalf(), dataset([0.5, 0.5, 0.5, 0.5], left), { imgsz: 64 });
    expect(both.metrics.map50_95).toBeCloseTo(0.995, 6);
    expect(both.maskMetrics?.map50_95).toBeCloseTo(0.995, 6);
    // A label whose outline is the whole box: boxes agree, masks overlap by a half.
    const whole = [0.25, 0.25, 0.734375, 0.25, 0.734375, 0.734375, 0.25, 0.734375];
    const half = await evaluate(new LeftHalf(), dataset([0.5, 0.5, 0.5, 0.5], whole), { imgsz: 64 });
    expect(half.metrics.map50_95).toBeCloseTo(0.995, 6);
    // IoU is 32 / 64 cells: exactly the first threshold, and that one only.
    expect(half.maskMetrics?.map50).toBeCloseTo(0.995, 6);
    expect(half.maskMetrics?.map50_95).toBeCloseTo(0.0995, 6);
    expect(half.maskMetrics?.instances).toBe(1);
  });

  test("writes boxes and run lengths in COCO's format with --save-json", async () => {
    const results = new CocoResults({ names: ["thing"] });
    const outcomes: PictureOutcome[] = [];
    await evaluate(new LeftHalf(), dataset([0.5, 0.5, 0.5, 0.5], left), {
      imgsz: 64,
      onPicture: (outcome) => {
        outcomes.push(outcome);
        results.add(outcome, 12);
      },
    });
    const [{ segmentation, ...entry }] = results.entries;
    expect(entry).toEqual({ image_id: 12, category_id: 0, bbox: [16, 16, 32, 32], score: 0.9 });
    expect(segmentation?.size).toEqual([64, 64]);
    const counts = expandCounts(segmentation?.counts ?? "");
    expect(counts.reduce((a, b) => a + b)).toBe(64 * 64);
    const area = counts.reduce((sum, run, i) => (i % 2 === 1 ? sum + run : sum), 0);
    // 16 × 32 pixels, give or take the bilinear edge.
    expect(Math.abs(area - 16 * 32)).toBeLessThanOrEqual(2 * 32);
  });
});

describe("COCO's formats", () => {
  test("compressed run lengths equal those by hand and survive a round trip", () => {
    // 5 → "5"; 40 = 8 + 32: "X" (8 | more, + 48) then "1"; a negative difference keeps its sign.
    expect(compressCounts([5, 40])).toBe("5X1");
    for (const counts of [[0], [4096], [0, 1, 4095], [10, 3, 61, 3, 7, 100000, 2], [1, 2, 3, 4, 3, 2, 1]]) {
      expect(expandCounts(compressCounts(counts))).toEqual(counts);
    }
  });

  test("the 80 classes have IDs from 1 to 90", () => {
    expect([COCO_NAMES.length, COCO_CATEGORY_IDS.length]).toEqual([80, 80]);
    const id = (name: string) => COCO_CATEGORY_IDS[COCO_NAMES.indexOf(name)];
    expect(["person", "stop sign", "backpack", "bed", "toothbrush"].map(id)).toEqual([1, 13, 27, 65, 90]);
  });
});
