/** Keypoints of COCO annotations: the same truth as label files, what is left out, and what is wrong with a list. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { atOnce } from "../../src/breathe.js";
import { cocoAnnotations } from "../../src/eval/dataset/cocoJson.js";
import { parseLabels } from "../../src/eval/dataset/labels.js";
import { encodeJpeg } from "../../src/image/index.js";
import { openDataset } from "../../src/node/datasets/open.js";

const SHAPE = { count: 2, size: 3 };
const image = { id: 5, file_name: "a.jpg", width: 20, height: 10 };
const other = { ...image, id: 6, file_name: "b.jpg" };
const annotation = { image_id: 5, category_id: 1, bbox: [2, 2, 10, 5], keypoints: [4, 5, 2, 8, 2.5, 1] };
const withoutPoints = { ...annotation, keypoints: [0, 0, 0, 0, 0, 0], num_keypoints: 0 };
const categories = [{ id: 1, name: "person", keypoints: ["nose", "tail"], skeleton: [[1, 2]] }];
const coco = (annotations: readonly object[]) => ({ images: [image, other], categories, annotations });

function truthOf(annotations: readonly object[], keypoints: { count: number; size: number } | undefined = SHAPE) {
  return atOnce(cocoAnnotations(coco(annotations), ["person"], "x.json", keypoints)).pictures[0].truth;
}

describe("keypoints of COCO annotations", () => {
  test("equal those of a label file with the same numbers", () => {
    const { truth } = parseLabels("0 0.35 0.45 0.5 0.5 0.2 0.5 2 0.4 0.25 1", SHAPE);
    expect(truthOf([annotation])).toMatchObject({ keypoints: truth.keypoints, boxes: truth.boxes });
    expect(truthOf([annotation], { count: 2, size: 2 }).keypoints).toEqual(truth.keypoints);
  });

  test("without a label have no position, and models without keypoints read none", () => {
    const { keypoints } = truthOf([{ ...annotation, keypoints: [4, 5, 0, 8, 2.5, 1] }]);
    expect(keypoints).toEqual([Float32Array.of(0, 0, 0, 0.4, 0.25, 1)]);
    expect(
      atOnce(cocoAnnotations(coco([annotation]), ["person"], "x.json")).pictures[0].truth.keypoints,
    ).toBeUndefined();
  });

  test("an object without labelled ones is left out; one without the list counts as a box", () => {
    const { keypoints: _, ...box } = annotation;
    const truth = truthOf([withoutPoints, annotation, box]);
    expect(truth.classes).toHaveLength(2);
    expect(truth.keypoints?.[1]).toBeUndefined();
  });

  test.each<[unknown, RegExp]>([
    [[1, 2, 2], /^x\.json: annotations\[0\]: "keypoints" must be 6 numbers \(.* 2 keypoints\), not a list of 3$/],
    ["all", /must be 6 numbers .*, not all$/],
    [[1, 2, 2, "x", 2, 2], /"keypoints"\[3\] must be a number, not x$/],
    [[1, 2, 2, 1, [[]], 2], /"keypoints"\[4\] must be a number, not /],
  ])("%j is refused", (keypoints, message) => {
    expect(() => truthOf([{ ...annotation, keypoints }])).toThrow(message);
  });

  describe("in a data set", () => {
    let folder = "";
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "yolov5-poses-"));
      const picture = encodeJpeg({ width: 20, height: 10, data: new Uint8Array(600).fill(90) });
      for (const name of ["a.jpg", "b.jpg"]) await writeFile(join(folder, name), picture);
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));

    test("pictures whose objects have no points are not background", async () => {
      const file = join(folder, "person_keypoints_val.json");
      await writeFile(file, JSON.stringify(coco([annotation, withoutPoints, { ...withoutPoints, image_id: 6 }])));
      const warnings: string[] = [];
      const onWarning = (text: string) => warnings.push(text);
      const { samples } = await openDataset(file, { names: ["person"], keypoints: SHAPE, onWarning });
      expect(samples.map(({ imageId }) => imageId)).toEqual([5]);
      expect(samples[0].truth.keypoints).toHaveLength(1);
      expect(warnings).toEqual([
        `${file}: 2 objects without a labelled keypoint are left out, and pictures that have no others`,
      ]);
    });
  });
});
