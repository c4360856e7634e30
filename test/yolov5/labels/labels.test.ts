/** Outlines, COCO's and VOC's files: each read by a strict reader of its format, which gets back what was found. */

import { describe, expect, test } from "vitest";
import { cocoLabels, vocLabels } from "../../../src/yolov5/labels/index.js";
import { expandCounts } from "../../../src/yolov5/output/masks/cocoRle.js";
import { decodeRle } from "../../../src/yolov5/output/masks/rle.js";
import { bitmapOf, childrenOf, masked, NAMES, person, picture, posed, rootOf, textOf, thing } from "./samples.js";

describe("outlines", () => {
  test("have a polygon of three points or more per part of a mask, the largest first, without holes", () => {
    const { polygons = [], mask } = masked();
    expect(polygons).toHaveLength(3);
    expect(polygons[0]).toEqual(expect.arrayContaining([10, 5, 24, 14]));
    for (const polygon of polygons) expect(polygon.length).toBeGreaterThanOrEqual(6);
    expect(polygons).toContainEqual([50, 30, 51, 30, 51, 31, 50, 31]);
    expect(mask?.area).toBe(150 - 9 * 4 + 10 + 1);
  });
});

describe("COCO", () => {
  /** What the format demands, and pycocotools relies on. */
  function check({ images, annotations, categories }: ReturnType<typeof cocoLabels>): void {
    const unique = (list: readonly { readonly id: number }[]): void =>
      expect(new Set(list.map(({ id }) => id)).size).toBe(list.length);
    for (const list of [images, annotations, categories]) unique(list);
    for (const annotation of annotations) {
      const { image_id: image, category_id: category, bbox, area, iscrowd, segmentation } = annotation;
      expect(images.some(({ id }) => id === image)).toBe(true);
      expect(categories.some(({ id }) => id === category)).toBe(true);
      expect(bbox).toHaveLength(4);
      expect([...bbox, area].every((value) => Number.isFinite(value) && value >= 0)).toBe(true);
      expect(iscrowd).toBe(0);
      for (const polygon of "counts" in segmentation ? [] : segmentation)
        expect([polygon.length % 2, polygon.length >= 6]).toEqual([0, true]);
      if ("keypoints" in annotation) {
        const { keypoints = [], num_keypoints: count } = annotation;
        expect(keypoints.length % 3).toBe(0);
        expect(keypoints.filter((value, i) => i % 3 === 2 && value > 0)).toHaveLength(count ?? -1);
      }
    }
  }

  test("contains boxes, tracks, outlines and keypoints, with IDs from 1", () => {
    const labels = cocoLabels([picture(), picture(person, thing), picture(masked())], NAMES);
    check(labels);
    expect(labels.images[1]).toEqual({ id: 2, file_name: "day 1/bus&<1>.jpg", width: 60, height: 40 });
    expect(labels.annotations[0]).toMatchObject({
      image_id: 2,
      category_id: 1,
      bbox: [1.23, 2, 29.27, 37],
      score: 0.875,
      attributes: { track_id: 7 },
    });
    expect(labels.annotations[1]).not.toHaveProperty("attributes");
    expect(labels.annotations[2]).toMatchObject({
      image_id: 3,
      area: masked().mask?.area,
      // A ring has a hole, and a bar of one pixel's width has no outline.
      segmentation: { size: [40, 60], counts: expect.any(String) },
    });
    const [, , { segmentation }] = labels.annotations;
    if (!("counts" in segmentation)) throw new Error("no run lengths");
    expect(expandCounts(segmentation.counts)).toEqual(masked().mask?.rle.counts);
    const solid = { ...masked(), outlined: true };
    expect(cocoLabels([picture(solid)], NAMES).annotations[0].segmentation).toEqual(solid.polygons);
    expect(labels.categories.map(({ name }) => name)).toEqual(NAMES);
    const withPoints = cocoLabels([picture(posed)], NAMES);
    check(withPoints);
    expect(withPoints.annotations[0]).toMatchObject({ keypoints: [5, 6, 2, 0, 0, 0, 9, 10, 2], num_keypoints: 2 });
    expect(withPoints.categories[0]).toMatchObject({ keypoints: ["0", "1", "2"], skeleton: [] });
  });
});

describe("VOC", () => {
  test("contains names, sizes and boxes in the order of its development kit, whatever the names", () => {
    const root = rootOf(vocLabels(picture(person, thing)));
    expect(root.name).toBe("annotation");
    expect([textOf(root, "folder"), textOf(root, "filename")]).toEqual(["day 1", "bus&<1>.jpg"]);
    expect(["width", "height", "depth"].map((name) => textOf(root, "size", name))).toEqual(["60", "40", "3"]);
    const objects = childrenOf(root, "object");
    expect(objects.map((object) => textOf(object, "name"))).toEqual([NAMES[0], NAMES[1]]);
    expect(["xmin", "ymin", "xmax", "ymax"].map((name) => textOf(objects[0], "bndbox", name))).toEqual([
      "1.23",
      "2",
      "30.5",
      "39",
    ]);
    for (const object of objects) {
      expect(["pose", "truncated", "difficult"].map((name) => textOf(object, name))).toEqual(["Unspecified", "0", "0"]);
    }
  });

  test("is valid even with characters that XML forbids", () => {
    const name = "\u0000\u0007\ud800\ufffe]]>\n\t";
    const root = rootOf(vocLabels(picture({ ...person, name })));
    expect(textOf(childrenOf(root, "object")[0], "name")).toBe("\ufffd\ufffd\ufffd\ufffd]]>\n\t");
  });

  test("keeps marks that change the direction of text, as references", () => {
    const name = "a\u202egpj\u2066b\u2028c\u200f";
    const text = vocLabels(picture({ ...person, name }));
    expect(text).not.toMatch(/[\u200f\u2028\u202e\u2066]/);
    expect(textOf(childrenOf(rootOf(text), "object")[0], "name")).toBe(name);
  });
});

test("reads back the run lengths that were written", () => {
  const { mask } = masked();
  expect(mask && decodeRle(mask.rle)).toEqual(bitmapOf());
});
