/** What is made of results: filtered and changed ones, counts, CSV; and the rectangles that their masks are drawn as. */

import { describe, expect, it } from "vitest";
import { rleRectangles } from "../../../src/image/draw/mask.js";
import { encodeRle, maskFromBitmap } from "../../../src/yolov5/output/masks/rle.js";
import {
  ClassificationResult,
  type Detection,
  DetectionResult,
  type SegmentedDetection,
} from "../../../src/yolov5/output/results.js";

const facts = {
  ...{ width: 100, height: 50, input: [1, 3, 64, 64], names: ["a", "b"] },
  speed: { preprocess: 1, inference: 2, postprocess: 3 },
};

describe("results made of results", () => {
  const box = (name: string, index: number, confidence: number, track?: number): Detection => ({
    ...{ xmin: 1, ymin: 2.5, xmax: 30, ymax: 40, confidence, class: index, name },
    ...(track === undefined ? {} : { track }),
  });
  const boxes = [box("bus", 5, 0.9, 7), box("person", 0, 0.8), box("person", 0, 0.3)];
  const result = new DetectionResult({ ...facts, source: 'a "b",c.jpg', frame: 3, time: 0.12 }, boxes);

  it("filter and map return new results of the same picture and leave the original unchanged", () => {
    const sure = result.filter(({ confidence }, index) => confidence > 0.5 && index < 5);
    expect(sure).toBeInstanceOf(DetectionResult);
    expect(sure.detections).toEqual(boxes.slice(0, 2));
    expect([sure.source, sure.frame, sure.task, sure.width]).toEqual([result.source, 3, "detect", facts.width]);
    const renamed = sure.map(({ name }, index) => ({ name: `${name} ${index}` }));
    expect(renamed.detections.map(({ name }) => name)).toEqual(["bus 0", "person 1"]);
    expect(renamed.detections[0]).toEqual({ ...boxes[0], name: "bus 0" });
    expect(result.detections).toEqual(boxes);
    expect(renamed.summary()).toBe("1 person 1, 1 bus 0");
  });

  it("map does not compute masks", () => {
    let asked = 0;
    const lazy = Object.defineProperty({ ...boxes[0] }, "mask", {
      get: () => {
        asked++;
        return { size: [2, 2], counts: [4] };
      },
      enumerable: true,
    }) as SegmentedDetection;
    const masked = new DetectionResult<SegmentedDetection, "segment">(facts, [lazy], "segment");
    const moved = masked.map(() => ({ name: "x" })).filter(() => true);
    expect(asked).toBe(0);
    expect([moved.task, moved.detections[0].mask.counts, moved.detections[0].name]).toEqual(["segment", [4], "x"]);
  });

  it("count counts by name, in the order of classes", () => {
    expect([...result.count()]).toEqual([
      ["person", 2],
      ["bus", 1],
    ]);
    expect([result.count("person"), result.count("cat"), result.count("__proto__")]).toEqual([2, 0, 0]);
    expect(new DetectionResult(facts, [box("__proto__", 1, 0.5)]).count("__proto__")).toBe(1);
  });

  it("toCSV quotes where necessary, and omits its header on request", () => {
    expect(result.toCSV()).toBe(
      "source,frame,time,track,class,name,confidence,xmin,ymin,xmax,ymax\n" +
        '"a ""b"",c.jpg",3,0.12,7,5,bus,0.9,1,2.5,30,40\n' +
        '"a ""b"",c.jpg",3,0.12,,0,person,0.8,1,2.5,30,40\n' +
        '"a ""b"",c.jpg",3,0.12,,0,person,0.3,1,2.5,30,40\n',
    );
    const line = new DetectionResult({ ...facts, source: undefined }, [box("two\nlines", 1, 0.5)]);
    expect(line.toCSV({ header: false })).toBe(',,,,1,"two\nlines",0.5,1,2.5,30,40\n');
    expect(new DetectionResult(facts, []).toCSV({ header: false })).toBe("");
  });

  it("a classification has nothing to filter, map or count, and gives CSV lines of its classes", () => {
    const scores = new ClassificationResult({ ...facts, source: "a.jpg" }, Float32Array.of(0.25, 0.75));
    expect([scores.filter(() => false), scores.map(() => ({ name: "x" }))]).toEqual([scores, scores]);
    expect([scores.count().size, scores.count("person")]).toEqual([0, 0]);
    const [first] = scores.toCSV().split("\n").slice(1);
    expect(first).toBe(`a.jpg,,,1,${scores.top5[0].name},0.75`);
  });
});

describe("rleRectangles", () => {
  it("covers each set pixel once", () => {
    let seed = 5;
    const random = (): number => {
      seed = (seed * 48271) % 2147483647;
      return seed / 2147483647;
    };
    for (const fill of [0, 0.1, 0.5, 0.95, 1]) {
      for (const [height, width] of [
        [1, 1],
        [7, 5],
        [16, 31],
      ]) {
        const bitmap = Uint8Array.from({ length: height * width }, () => Number(random() < fill));
        const drawn = new Uint8Array(height * width);
        const rectangles = rleRectangles(encodeRle(maskFromBitmap(bitmap, height, width)));
        for (let i = 0; i < rectangles.length; i += 4) {
          const [x0, y0, x1, y1] = rectangles.slice(i, i + 4);
          for (let y = y0; y < y1; y++) for (let x = x0; x < x1; x++) drawn[y * width + x]++;
        }
        expect(drawn).toEqual(bitmap);
      }
    }
  });
});
