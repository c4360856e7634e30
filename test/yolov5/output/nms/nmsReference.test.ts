/** NMS on the predictions of real and of random networks, against a plain quadratic loop. */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readSafetensors } from "../../../../src/weights/index.js";
import { nonMaxSuppression } from "../../../../src/yolov5/output/nms/nms.js";
import { referencePath } from "../../../support/reference.js";

const f = Math.fround;

interface Expected {
  readonly box: readonly number[];
  readonly score: number;
  readonly classIndex: number;
}

/** All classes above the threshold, sorted, each compared with each, with v7.0's float32 steps. */
function plain(data: Float32Array, columns: number, classes: number, conf: number, iou: number): Expected[] {
  const found: (Expected & { shifted: number[] })[] = [];
  for (let at = 0; at < data.length; at += columns) {
    if (!(data[at + 4] > f(conf))) continue;
    const [x, y, w, h] = data.subarray(at, at + 4);
    const box = [f(x - f(w / 2)), f(y - f(h / 2)), f(x + f(w / 2)), f(y + f(h / 2))];
    for (let c = 0; c < classes; c++) {
      const score = f(data[at + 4] * data[at + 5 + c]);
      if (score > f(conf)) found.push({ box, score, classIndex: c, shifted: box.map((v) => f(v + c * 7680)) });
    }
  }
  found.sort((a, b) => b.score - a.score);
  const area = ([x1, y1, x2, y2]: readonly number[]) => f(f(x2 - x1) * f(y2 - y1));
  const kept: typeof found = [];
  for (const candidate of found) {
    const b = candidate.shifted;
    const hit = kept.some(({ shifted: a }) => {
      const w = Math.max(0, f(Math.min(a[2], b[2]) - Math.max(a[0], b[0])));
      const h = Math.max(0, f(Math.min(a[3], b[3]) - Math.max(a[1], b[1])));
      return f(f(w * h) / f(f(area(a) + area(b)) - f(w * h))) > iou;
    });
    if (!hit) kept.push(candidate);
  }
  return kept.map(({ box, score, classIndex }) => ({ box, score, classIndex }));
}

describe("nms on the reference predictions", () => {
  for (const name of ["yolov5n", "yolov5n-7", "crops", "dna", "pothole", "zoo-p6", "zoo-seg", "zoo-csp"]) {
    const path = referencePath("reference", `${name}.layers.safetensors`);
    it.skipIf(path === undefined)(`${name}, every class above 0.05`, () => {
      const { tensors } = readSafetensors(readFileSync(path ?? ""));
      const prediction = tensors.get("prediction");
      if (!prediction) throw new Error(`${name} holds no prediction`);
      const columns = prediction.shape[2];
      const maskCoefficients = name.endsWith("-seg") ? 32 : 0;
      const options = { conf: 0.05, iou: 0.6, maxDet: 30000, multiLabel: true, maskCoefficients };
      const [actual] = nonMaxSuppression(prediction, options);
      const expected = plain(prediction.data as Float32Array, columns, columns - 5 - maskCoefficients, 0.05, 0.6);
      expect(expected.length).toBeGreaterThan(0);
      expect(
        actual.map(({ x1, y1, x2, y2, confidence, classIndex }) => ({
          box: [x1, y1, x2, y2],
          score: confidence,
          classIndex,
        })),
      ).toEqual(expected);
    });
  }
});
