/** Results with ids: which detections stay, and that masks are still computed only when they are asked for. */

import { expect, test } from "vitest";
import { Tracker } from "../../../src/tracking/index.js";
import {
  ClassificationResult,
  type Detection,
  DetectionResult,
  type SegmentedDetection,
} from "../../../src/yolov5/output/results.js";
import { trackResult } from "../../../src/yolov5/output/trackResult.js";

const facts = {
  width: 100,
  height: 80,
  input: [1, 3, 64, 64],
  names: ["a", "b"],
  speed: { preprocess: 1, inference: 2, postprocess: 3 },
  frame: 4,
  time: 0.3,
};
const box = (x: number, confidence: number, index = 0): Detection => ({
  xmin: x,
  ymin: 10,
  xmax: x + 20,
  ymax: 50,
  confidence,
  class: index,
  name: facts.names[index],
});

test("boxes get the IDs of tracks, weak boxes without one are dropped, and other facts are kept", () => {
  const tracker = new Tracker({ high: 0.25, low: 0.1, begin: 0.35 });
  const first = trackResult(tracker, new DetectionResult(facts, [box(10, 0.9), box(60, 0.3, 1), box(40, 0.15)]), 0.25);
  expect(first.detections.map(({ track, confidence }) => [track, confidence])).toEqual([
    [1, 0.9],
    [undefined, 0.3],
  ]);
  const second = trackResult(tracker, new DetectionResult(facts, [box(60, 0.5, 1), box(11, 0.15)]), 0.25);
  expect(second.detections.map(({ track, xmin }) => [track, xmin])).toEqual([
    [undefined, 60],
    [1, 11],
  ]);
  const { detections, ...rest } = JSON.parse(JSON.stringify(second));
  expect(rest).toEqual({ frame: 4, time: 0.3, width: 100, height: 80, input: [1, 3, 64, 64], speed: facts.speed });
  expect(detections[0]).not.toHaveProperty("track");
  expect(detections[1].track).toBe(1);
});

test("masks stay lazy in the copy", () => {
  let computed = 0;
  const detection: SegmentedDetection = {
    ...box(10, 0.9),
    get mask() {
      computed++;
      return { counts: [3, 5], size: [2, 4] as [number, number] };
    },
    get area() {
      return this.mask.counts[1];
    },
    bitmap: () => new Uint8Array(8),
    polygon: () => new Float32Array(0),
    thresholded: () => ({ width: 4, height: 2, x0: 0, y0: 0, x1: 4, y1: 2, data: new Uint8Array(8) }),
  };
  const result = trackResult(new Tracker(), new DetectionResult(facts, [detection], "segment"));
  expect(computed).toBe(0);
  expect(result.task).toBe("segment");
  expect([result.detections[0].track, result.detections[0].area, computed]).toEqual([1, 5, 1]);
  expect(detection).not.toHaveProperty("track");
});

test("classifications are returned unchanged", () => {
  const result = new ClassificationResult(facts, Float32Array.of(0.2, 0.8));
  expect(trackResult(new Tracker(), result)).toBe(result);
});
