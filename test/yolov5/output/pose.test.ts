/** Keypoints in results: label files, drawing with and without a skeleton, tracking, JSON. */

import { describe, expect, it } from "vitest";
import { annotate, DetectionResult, type PosedDetection, poseLines, Tracker, trackResult } from "../../../src/node.js";
import type { Keypoint } from "../../../src/yolov5/output/detections.js";

const facts = {
  width: 200,
  height: 100,
  input: [1, 3, 64, 64],
  names: ["person"],
  speed: { preprocess: 1, inference: 2, postprocess: 3 },
};

const posed = (keypoints: readonly Keypoint[], confidence = 0.5): PosedDetection => ({
  ...{ xmin: 10.5, ymin: 20, xmax: 110.5, ymax: 70, confidence, class: 0, name: "person" },
  keypoints,
});
const resultOf = (...detections: PosedDetection[]) => new DetectionResult(facts, detections, "pose");

describe("label files", () => {
  it("have the box, then every point as predicted, the best detection first", () => {
    const result = resultOf(posed([[50, 25, 0.75]], 0.9), posed([[150, 80]], 0.25));
    expect(poseLines(result)).toEqual(["0 0.3025 0.45 0.5 0.5 0.25 0.25 0.75", "0 0.3025 0.45 0.5 0.5 0.75 0.8"]);
    expect(poseLines(result, true)).toEqual([
      "0 0.3025 0.45 0.5 0.5 0.25 0.25 0.75 0.9",
      "0 0.3025 0.45 0.5 0.5 0.75 0.8 0.25",
    ]);
  });
});

/** A grey picture with the result drawn on it, without box and label. */
async function drawn(keypoints: readonly Keypoint[]): Promise<(x: number, y: number) => readonly number[]> {
  const image = { width: 200, height: 100, data: new Uint8Array(200 * 100 * 3).fill(100) };
  const { data } = await annotate(image, resultOf(posed(keypoints)), {
    hideBoxes: true,
    hideLabels: true,
    lineThickness: 2,
  });
  return (x, y) => [...data.subarray((y * 200 + x) * 3, (y * 200 + x) * 3 + 3)];
}
const GREY = [100, 100, 100];

describe("drawing", () => {
  // COCO's points, 10 px apart, up and down. A quarter of the way from the left shoulder (5) to the left hip (11) is (75, 68).
  const person = Array.from({ length: 17 }, (_, i): Keypoint => [10 + 10 * i, 30 + ((29 * i) % 50), 0.9]);

  it("connects the points of a person by limbs", async () => {
    const at = await drawn(person);
    for (const [x, y] of person) expect(at(x, y)).not.toEqual(GREY);
    expect(at(75, 68)).not.toEqual(GREY);
    // Between the left wrist (9) and the right ankle (16) there is nothing.
    expect(at(135, 42)).toEqual(GREY);
  });

  it("omits points that the model considers invisible", async () => {
    const at = await drawn(person.map(([x, y], i): Keypoint => [x, y, i === 11 ? 0.2 : 0.9]));
    expect(at(120, 49)).toEqual(GREY);
    expect(at(75, 68)).toEqual(GREY);
    expect(at(60, 75)).not.toEqual(GREY);
  });

  it("draws other sets of points without lines, and always draws points without a visibility", async () => {
    const at = await drawn([
      [20, 50],
      [80, 50],
      [140, 50],
    ]);
    for (const x of [20, 80, 140]) expect(at(x, 50)).not.toEqual(GREY);
    expect(at(50, 50)).toEqual(GREY);
    expect(at(20, 50)).not.toEqual(at(80, 50));
  });
});

describe("other results", () => {
  it("a tracked pose keeps its points, also in JSON", () => {
    const points: Keypoint[] = [[50, 25, 0.75]];
    const tracked = trackResult(new Tracker(), resultOf(posed(points, 0.9)));
    expect(tracked.task).toBe("pose");
    expect(tracked.detections[0]).toMatchObject({ track: 1, keypoints: points });
    expect(JSON.parse(JSON.stringify(tracked)).detections[0].keypoints).toEqual([[50, 25, 0.75]]);
    expect(tracked.map(() => ({ name: "someone" })).detections[0]).toMatchObject({
      name: "someone",
      keypoints: points,
    });
  });
});
