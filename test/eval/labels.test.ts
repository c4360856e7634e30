/** Label files, descriptions and COCO's annotations: what they say, and what is wrong with them. */

import { describe, expect, test } from "vitest";
import { atOnce } from "../../src/breathe.js";
import { DatasetError } from "../../src/errors.js";
import { cocoAnnotations } from "../../src/eval/dataset/cocoJson.js";
import { parseDataDescription } from "../../src/eval/dataset/dataYaml.js";
import { parseLabels } from "../../src/eval/dataset/labels.js";

describe("label files", () => {
  test("may have blank lines, tabs, Windows line ends and a byte-order mark", () => {
    const { truth, problems } = parseLabels("\ufeff0 0.5 0.5 0.2 0.4\r\n\r\n  3\t1e-1 .25 0.5 1\r\n");
    expect(problems).toEqual([]);
    expect(Array.from(truth.classes)).toEqual([0, 3]);
    expect(Array.from(truth.boxes)).toEqual([0.5, 0.5, 0.2, 0.4, 0.1, 0.25, 0.5, 1].map(Math.fround));
    expect(truth.polygons).toEqual([[], []]);
  });

  test("that are empty mean a picture without objects", () => {
    expect(parseLabels(" \n\n")).toEqual({
      truth: { classes: new Int32Array(0), boxes: new Float32Array(0), polygons: [] },
      problems: [],
      duplicates: [],
    });
  });

  test("may mix boxes and outlines, which keep their points and get a bounding box", () => {
    const { truth, problems } = parseLabels("1 0.25 0.5 0.75 0.125 0.5 1\n0 0.5 0.5 0.5 0.5");
    expect(problems).toEqual([]);
    expect(Array.from(truth.boxes)).toEqual([0.5, 0.5625, 0.5, 0.875, 0.5, 0.5, 0.5, 0.5]);
    expect(truth.polygons.map((parts) => parts.map((part) => Array.from(part)))).toEqual([
      [[0.25, 0.5, 0.75, 0.125, 0.5, 1]],
      [],
    ]);
  });

  test.each([
    ["0 0.5 0.5 0.2 x", "malformed", '"x" is not a number'],
    ["0 0.5 nan 0.2 0.2", "malformed", '"nan" is not a number'],
    ["0 0.5 0.5 0.2", "malformed", "4 columns; a box has 5"],
    ["0", "malformed", "1 column; a box has 5"],
    ["0 0.5 0.5 0.2 0.2 0.9", "malformed", "6 columns; a box has 5"],
    ["0 0.1 0.2 0.3 0.4 0.5 0.6 0.7", "malformed", "8 columns"],
    ["1.5 0.5 0.5 0.2 0.2", "malformed", "the class 1.5 is not a whole number"],
    ["-1 0.5 0.5 0.2 0.2", "malformed", "the class -1 is negative"],
    ["0 -0.1 0.5 0.2 0.2", "outside", "-0.1 is negative"],
    ["0 0.5 0.5 1.01 0.2", "outside", "1.01 is above 1"],
    ["0 320 240 64 64", "outside", "320 is above 1"],
  ] as const)("%s is refused with its line", (bad, kind, message) => {
    const { truth, problems } = parseLabels(`0 0.5 0.5 0.1 0.1\n\n${bad}\n1 0.5 0.5 0.1 0.1\n`);
    expect(problems).toEqual([{ line: 3, kind, message: expect.stringContaining(message) }]);
    expect(truth.classes.length).toBe(2);
  });

  test("repeated lines count once", () => {
    const { truth, duplicates } = parseLabels("0 0.5 0.5 0.1 0.1\n1 0.5 0.5 0.1 0.1\n0 0.50 .5 0.1 0.1\n");
    expect(duplicates).toEqual([3]);
    expect(Array.from(truth.classes)).toEqual([0, 1]);
  });
});

describe("Ultralytics' descriptions", () => {
  const parse = (content: unknown, split: "train" | "val" | "test" = "val") =>
    parseDataDescription(content, split, "data.yaml");

  test("may have names as a list, as a map, or not at all", () => {
    expect(parse({ path: "../coco", val: "images/val", names: ["a", "b"] })).toEqual({
      path: "../coco",
      sources: ["images/val"],
      names: ["a", "b"],
    });
    expect(parse({ val: ["one", "two"], names: { 1: "b", 0: "a" }, nc: 2 })).toEqual({
      path: "",
      sources: ["one", "two"],
      names: ["a", "b"],
    });
    expect(parse({ val: "x" }).names).toBeUndefined();
  });

  test.each([
    ["text", /data\.yaml: is not a data set description/],
    [{ names: ["a"] }, /data\.yaml: needs "val"/],
    [{ test: "x", train: "y" }, /needs "val".*it has "train" and "test" \(--task\)/],
    [{ val: 3 }, /needs "val"/],
    [{ val: "x", nc: 3, names: ["a", "b"] }, /"nc" is 3, but "names" has 2 entries/],
    [{ val: "x", nc: "many" }, /"nc" must be a whole number above 0, not "many"/],
    [{ val: "x", names: { 0: "a", 2: "c" } }, /"names" has 2 entries but none for class 1/],
    [{ val: "x", names: "a" }, /"names" must be a list or a map/],
    [{ val: "x", path: 3 }, /"path" must be a string/],
  ])("%j is refused", (content, message) => {
    expect(() => parse(content)).toThrow(DatasetError);
    expect(() => parse(content)).toThrow(message);
  });
});

describe("COCO's annotations", () => {
  const content = {
    images: [
      { id: 7, file_name: "7.jpg", width: 100, height: 50 },
      { id: 8, file_name: "8.jpg", width: 10, height: 10 },
    ],
    categories: [
      { id: 90, name: "toothbrush" },
      { id: 3, name: "car" },
    ],
    annotations: [
      { image_id: 7, category_id: 90, bbox: [10, 10, 20, 30] },
      { image_id: 7, category_id: 3, bbox: [90, 40, 20, 20], segmentation: [[90, 40, 100, 40, 100, 50]] },
      {
        image_id: 7,
        category_id: 3,
        bbox: [0, 0, 100, 50],
        iscrowd: 1,
        segmentation: { counts: [1], size: [50, 100] },
      },
      { image_id: 7, category_id: 3, bbox: [5, 5, 0, 9] },
    ],
  };

  test("match categories by name, clip boxes to the picture, and leave out crowds and empty boxes", () => {
    const { pictures, names, categoryIds, skipped } = atOnce(
      cocoAnnotations(content, ["toothbrush", "dog", "car"], "x.json"),
    );
    expect(skipped).toBe(2);
    const [first, second] = pictures;
    expect([first.id, first.fileName, second.truth.classes.length]).toEqual([7, "7.jpg", 0]);
    expect(Array.from(first.truth.classes)).toEqual([0, 2]);
    expect(Array.from(first.truth.boxes)).toEqual([0.2, 0.5, 0.2, 0.6, 0.95, 0.9, 0.1, 0.2].map(Math.fround));
    expect(first.truth.polygons[1].map((p) => Array.from(p))).toEqual([[0.9, 0.8, 1, 0.8, 1, 1].map(Math.fround)]);
    expect([names[0], names[2], categoryIds[0], categoryIds[2]]).toEqual(["toothbrush", "car", 90, 3]);
  });

  test("match categories by the order of their IDs if names differ and counts agree", () => {
    const { pictures } = atOnce(cocoAnnotations(content, ["auto", "Zahnbürste"], "x.json"));
    expect(Array.from(pictures[0].truth.classes)).toEqual([1, 0]);
  });

  test.each([
    [{}, /x\.json: has no list "images"/],
    [{ ...content, categories: "none" }, /has no list "categories"/],
    [[], /has no list "images"/],
    [null, /has no list "images"/],
    [{ ...content, annotations: [{ image_id: 9, category_id: 3 }] }, /annotations\[0\]: image_id 9 is not in "images"/],
    [
      { ...content, annotations: [{ image_id: 7, category_id: 4 }] },
      /annotations\[0\]: category_id 4 is not in "categories"/,
    ],
    [{ ...content, annotations: [{ image_id: 7, category_id: 3, bbox: [1, 2, 3] }] }, /"bbox" must be four numbers/],
    [{ ...content, annotations: [{ image_id: 7, category_id: 3 }] }, /has neither "bbox" nor an outline/],
  ])("%j is refused", (broken, message) => {
    expect(() => atOnce(cocoAnnotations(broken, ["car", "toothbrush"], "x.json"))).toThrow(message);
  });

  test("with categories that the model lacks are refused with the numbers", () => {
    expect(() => atOnce(cocoAnnotations(content, ["a", "b", "c"], "x.json"))).toThrow(
      /x\.json: has 2 categories, the model 3 classes, and 2 of the categories match no class \("toothbrush", "car"\)/,
    );
  });
});
