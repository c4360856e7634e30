import { describe, expect, it } from "vitest";
import { NumericError, OptionError } from "../../../src/errors.js";
import { assertSameClasses, normalizeNames } from "../../../src/yolov5/checkpoint/names.js";
import { roundHalfEven, scaleBox } from "../../../src/yolov5/output/boxes.js";
import { softmax, topClasses } from "../../../src/yolov5/output/classify.js";
import { decodeRle } from "../../../src/yolov5/output/masks/rle.js";
import type { Candidate } from "../../../src/yolov5/output/nms/nms.js";
import {
  ClassificationResult,
  DetectionResult,
  detectionsFrom,
  segmentedDetectionsFrom,
} from "../../../src/yolov5/output/results.js";
import { formatF, formatG } from "../../../src/yolov5/output/text/printf.js";
import { classificationLines, detectionLines, segmentationLines } from "../../../src/yolov5/output/text/saveText.js";
import { floats, postprocessFixture } from "./postprocessFixture.js";

const fixture = postprocessFixture();
const speed = { preprocess: 1, inference: 2, postprocess: 3 };
const candidate = (
  x1: number,
  y1: number,
  x2: number,
  y2: number,
  confidence: number,
  classIndex: number,
): Candidate => ({
  ...{ x1, y1, x2, y2, confidence, classIndex },
  row: 0,
});

describe("boxes in the original picture", () => {
  it.each(fixture.scaleBox)("$input → $original $box", ({ input, original, box, scaled }) => {
    scaleBox(box, input, original).forEach((v, i) => {
      expect(v).toBeCloseTo(scaled[i], 4);
    });
  });

  it("are scaled by a recomputed gain and clipped to the picture's full size", () => {
    // 1280×641 at 640: the letterbox scaled by 0.5, the way back by 0.49922.
    const [x1, , x2] = scaleBox([0, 0, 640, 320], [320, 640], [641, 1280]);
    expect([x1, x2]).toEqual([0, 1280]);
    expect(scaleBox([320, 160, 320, 160], [320, 640], [641, 1280])[0]).toBeCloseTo(640, 3);
    expect(scaleBox([-20, -20, 700, 700], [640, 640], [640, 640])).toEqual([0, 0, 640, 640]);
    expect([0.5, 1.5, 2.5, 3.5, 2.4, 2.6, -0.5].map(roundHalfEven).map((v) => v + 0)).toEqual([0, 2, 2, 4, 2, 3, 0]);
  });
});

describe("DetectionResult", () => {
  const names = ["person", "bicycle", "bus"];
  const candidates = [
    candidate(10, 20, 30, 60, 0.9, 2),
    candidate(-5, 0, 50, 50, 0.8, 0),
    candidate(90, 40, 110, 50, 0.7, 0),
  ];
  const facts = { source: "a.jpg", width: 200, height: 100, input: [1, 3, 50, 100], names, speed };
  const result = new DetectionResult(
    facts,
    detectionsFrom(candidates, { input: [50, 100], original: [100, 200], names }),
  );

  it("has named boxes in pixels of the original, clipped", () => {
    expect(result.detections[0]).toEqual({
      xmin: 20,
      ymin: 40,
      xmax: 60,
      ymax: 100,
      confidence: 0.9,
      class: 2,
      name: "bus",
    });
    expect(result.xyxy[1]).toEqual([0, 0, 100, 100, 0.8, 0]);
    expect(result.xywh[2]).toEqual([190, 90, 20, 20, 0.7, 0]);
    expect(result.xyxyn[0]).toEqual([0.1, 0.4, 0.3, 1, 0.9, 2]);
    expect(result.xywhn[2]).toEqual([0.95, 0.9, 0.1, 0.2, 0.7, 0]);
    expect(result.length).toBe(3);
  });

  it("has the same JSON as the command line", () => {
    expect(JSON.parse(JSON.stringify(result))).toEqual({
      ...{ source: "a.jpg", width: 200, height: 100, input: [1, 3, 50, 100], speed },
      detections: [...result.detections],
    });
    const frame = new DetectionResult({ ...facts, source: undefined, frame: 3, time: 0.1 }, []);
    expect(Object.keys(JSON.parse(JSON.stringify(frame)))).toEqual([
      ...["frame", "time", "width", "height", "input", "detections", "speed"],
    ]);
  });

  it("is summarised by class index, like detect.py's log", () => {
    expect(result.summary()).toBe("2 persons, 1 bus");
    expect(new DetectionResult(facts, []).summary()).toBe("(no detections)");
  });

  it("writes label lines from rounded boxes, the least confident first", () => {
    expect(detectionLines(result)).toEqual(["0 0.95 0.9 0.1 0.2", "0 0.25 0.5 0.5 1", "2 0.2 0.7 0.2 0.6"]);
    expect(detectionLines(result, true)[2]).toBe("2 0.2 0.7 0.2 0.6 0.9");
    const halves = new DetectionResult({ ...facts, width: 1024, height: 8 }, [
      { xmin: 0.5, ymin: 1.5, xmax: 2.5, ymax: 3.5, confidence: 0.5, class: 1, name: "bicycle" },
    ]);
    // 0.5 → 0, 2.5 → 2: centre 1, width 2; 1/1024 is an exact tie at six digits, which C rounds to even.
    expect(detectionLines(halves)).toEqual(["1 0.000976562 0.375 0.00195312 0.25"]);
  });
});

describe("segmentation results", () => {
  // One prototype of ones: the mask is the box.
  const protos = { channels: 1, height: 4, width: 8, data: new Float32Array(32).fill(1) };
  const seg = (value: number): Candidate => ({
    ...candidate(8, 4, 24, 12, 0.9, 0),
    coefficients: Float32Array.of(value),
  });
  const make = (value: number, retina: boolean) =>
    segmentedDetectionsFrom([seg(value)], protos, { input: [16, 32], original: [8, 16], names: ["thing"] }, retina)[0];

  it.each([false, true])("decode masks lazily, retina %s", (retina) => {
    const detection = make(20, retina);
    expect(detection.mask.size).toEqual([8, 16]);
    const bitmap = detection.bitmap();
    expect(decodeRle(detection.mask)).toEqual(bitmap);
    // The box is x 4 to 12, y 2 to 6 in the original.
    expect(detection.area).toBe(32);
    expect([bitmap[2 * 16 + 4], bitmap[5 * 16 + 11], bitmap[1 * 16 + 4], bitmap[5 * 16 + 12]]).toEqual([1, 1, 0, 0]);
    expect(detection.mask).toBe(detection.mask);
    expect(detection.thresholded().width).toBe(retina ? 16 : 32);
  });

  it("appear in JSON and as polygons", () => {
    const facts = { width: 16, height: 8, input: [1, 3, 16, 32], names: ["thing"], speed };
    const result = new DetectionResult(facts, [make(20, true)], "segment");
    const [entry] = JSON.parse(JSON.stringify(result)).detections;
    expect(Object.keys(entry)).toEqual(["xmin", "ymin", "xmax", "ymax", "confidence", "class", "name", "mask", "area"]);
    expect(entry.mask.counts.slice(0, 3)).toEqual([34, 4, 4]);
    expect(segmentationLines(result, true)).toEqual(["0 0.25 0.25 0.25 0.625 0.6875 0.625 0.6875 0.25 0.9"]);
    expect(segmentationLines(new DetectionResult(facts, [make(-20, true)]))).toEqual(["0"]);
  });
});

describe("classification", () => {
  it.each(fixture.softmax)("softmax and top five $top5", ({ logits, probabilities, top5 }) => {
    const actual = softmax(floats(logits));
    floats(probabilities).forEach((p, i) => {
      expect(Math.abs(actual[i] - p)).toBeLessThan(1e-6);
    });
    const names = Array.from(actual, (_, i) => `n${i}`);
    expect(topClasses(actual, names).map((c) => c.class)).toEqual(top5);
    const result = new ClassificationResult({ width: 1, height: 1, input: [1, 3, 224, 224], names, speed }, actual);
    expect(JSON.parse(JSON.stringify(result)).top5).toEqual(result.top5);
    expect(classificationLines(result)[0]).toBe(`${actual[top5[0]].toFixed(2)} n${top5[0]}`);
    expect(result.summary()).toMatch(/^n\d+ [01]\.\d\d(, n\d+ [01]\.\d\d){2,4}$/);
  });

  it("refuses logits that are not finite", () => {
    expect(() => softmax([1, Number.NaN])).toThrow(NumericError);
    expect(() => softmax([1, Number.POSITIVE_INFINITY])).toThrow(/highest of 2 logits is Infinity/);
  });
});

describe("class names", () => {
  it("come from lists and dicts, whatever the names are", () => {
    expect(normalizeNames(["__proto__", "人", ""], 3)).toEqual(["__proto__", "人", ""]);
    expect(
      normalizeNames(
        new Map<unknown, string>([
          [0, "a"],
          [2, "c"],
        ]),
        3,
      ),
    ).toEqual(["a", "class1", "c"]);
    expect(
      normalizeNames(
        new Map<unknown, unknown>([
          ["1", "constructor"],
          [0n, "🚌"],
          ["x", "y"],
          [2, 7],
        ]),
        4,
      ),
    ).toEqual([...["🚌", "constructor", "7", "class3"]]);
    expect(normalizeNames(JSON.parse('{"0":"a","__proto__":"b","1":"toString"}'), 2)).toEqual(["a", "toString"]);
    expect(normalizeNames(undefined, 2)).toEqual(["class0", "class1"]);
    expect(normalizeNames(["a", "b", "c"], 2)).toEqual(["a", "b"]);
  });

  it("are counted literally in a summary", () => {
    const names = ["__proto__", "人"];
    const facts = { width: 9, height: 9, input: [1, 3, 32, 32], names, speed };
    const found = [candidate(0, 0, 1, 1, 0.9, 0), candidate(0, 0, 1, 1, 0.8, 1)];
    const boxes = detectionsFrom(found, { input: [9, 9], original: [9, 9], names });
    expect(new DetectionResult(facts, boxes).summary()).toBe("1 __proto__, 1 人");
  });

  it("must agree in an ensemble", () => {
    const a = { name: "a.pt", names: ["x", "y"] };
    expect(() => assertSameClasses([a, { name: "b.pt", names: ["x", "y"] }])).not.toThrow();
    expect(() => assertSameClasses([a, { name: "b.pt", names: ["x"] }])).toThrow(OptionError);
    expect(() => assertSameClasses([a, { name: "b.pt", names: ["x", "z"] }])).toThrow(
      /class 1 is "z" in b.pt and "y" in a.pt/,
    );
  });
});

describe("C's number formats", () => {
  it("%g", () => {
    expect(fixture.text.g.map(([value]) => formatG(value))).toEqual(fixture.text.g.map(([, text]) => text));
    expect([Number.NaN, Number.NEGATIVE_INFINITY].map(formatG)).toEqual(["nan", "-inf"]);
  });

  it("%.2f", () => {
    expect(fixture.text.f2.map(([value]) => formatF(value, 2))).toEqual(fixture.text.f2.map(([, text]) => text));
  });
});
