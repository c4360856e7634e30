/** COCO annotations and the pictures they belong to. */

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeJpeg } from "../../src/image/index.js";
import { openDataset } from "../../src/node/datasets/open.js";
import { compressCounts } from "../../src/yolov5/output/masks/cocoRle.js";

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "yolov5-data-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const NAMES = ["cat", "dog"];
const picture = (width = 20, height = 10) => ({ width, height, data: new Uint8Array(width * height * 3).fill(90) });
const JPEG = encodeJpeg(picture());

async function write(files: Readonly<Record<string, string | Uint8Array>>, folder: string): Promise<string> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(root, folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }
  return join(root, folder);
}

interface Opened {
  readonly warnings: readonly string[];
  readonly pictures: readonly string[];
  readonly classes: readonly (readonly number[])[];
}

async function open(path: string, options: object = {}): Promise<Opened> {
  const warnings: string[] = [];
  const { samples } = await openDataset(path, { names: NAMES, onWarning: (text) => warnings.push(text), ...options });
  return {
    warnings,
    pictures: samples.map(({ name, width, height }) => `${name.slice(root.length + 1)} ${width}×${height}`),
    classes: samples.map(({ truth }) => Array.from(truth.classes)),
  };
}

describe("COCO annotations and their pictures", () => {
  const image = { id: 5, file_name: "a.jpg", width: 20, height: 10 };
  const category = { id: 18, name: "dog" };
  const annotation = { image_id: 5, category_id: 18, bbox: [2, 2, 10, 5] };
  const coco = (change: object) => ({ images: [image], categories: [category], annotations: [annotation], ...change });
  const openCoco = async (change: object, name: string): Promise<Opened> => {
    const folder = await write({ "x.json": JSON.stringify(coco(change)), "a.jpg": JPEG, "b.jpg": JPEG }, name);
    return open(join(folder, "x.json"));
  };

  test("that match give no warning", async () => {
    expect(await openCoco({}, "coco-right")).toMatchObject({ warnings: [], classes: [[1]] });
  });

  test.each([
    ["half as large", { width: 10, height: 5 }],
    ["turned, as before EXIF is heard", { width: 10, height: 20 }],
    ["one pixel less", { width: 20, height: 9 }],
  ])("pictures of another size are reported: %s", async (name, size) => {
    const { warnings, classes } = await openCoco({ images: [{ ...image, ...size }] }, `coco-${name}`);
    expect(classes).toEqual([[1]]);
    expect(warnings.join()).toMatch(
      new RegExp(
        `1 picture has a different size .*a\\.jpg is 20×10, not ${size.width}×${size.height}\\); give the pictures`,
      ),
    );
  });

  test("boxes outside of the picture are not called crowds", async () => {
    const annotations = [annotation, { ...annotation, bbox: [30, 2, 5, 5] }, { ...annotation, bbox: [2, 2, 0, 5] }];
    const { warnings, classes } = await openCoco({ annotations }, "coco-outside");
    expect(classes).toEqual([[1]]);
    expect(warnings).toEqual([
      expect.stringContaining("1 crowd regions or empty boxes are left out"),
      expect.stringContaining('1 box outside the width and height given in "images" is left out'),
    ]);
  });

  test("may have strings as IDs, true for crowds, empty boxes with an outline, and a picture listed twice", async () => {
    const annotations = [
      { ...annotation, image_id: "5" },
      { ...annotation, category_id: "18", bbox: [], segmentation: [[2, 2, 8, 2, 8, 8]] },
      { ...annotation, iscrowd: true },
    ];
    const { warnings, classes } = await openCoco({ annotations, images: [image, image] }, "coco-texts");
    expect([classes, warnings.length]).toEqual([[[1, 1]], 1]);
    const categories = [{ id: "18", name: "dog" }];
    expect((await openCoco({ categories }, "coco-texts-2")).classes).toEqual([[1]]);
  });

  test("two pictures with the same ID are refused, because their annotations are ambiguous", async () => {
    const images = [image, { ...image, file_name: "b.jpg" }];
    await expect(openCoco({ images }, "coco-twice")).rejects.toThrow(
      /"images" has the id 5 twice, for a\.jpg and b\.jpg; give each picture a unique id/,
    );
  });

  test("run lengths are masks, as a list or as pycocotools' text; a box that is missing is the one around them", async () => {
    // Columns 2 and 3 of a picture of 20×10, but for the upper pixel of the first.
    const counts = [21, 19, 160];
    for (const [name, given] of [
      ["list", counts],
      ["text", compressCounts(counts)],
    ] as const) {
      const segmentation = { counts: given, size: [10, 20] };
      const annotations = [{ ...annotation, bbox: undefined, segmentation }];
      const folder = await write({ "x.json": JSON.stringify(coco({ annotations })), "a.jpg": JPEG }, `rle-${name}`);
      const { samples } = await openDataset(join(folder, "x.json"), { names: NAMES });
      expect(samples[0].truth.masks).toEqual([{ counts, size: [10, 20] }]);
      expect([...samples[0].truth.boxes].map((value) => Math.round(value * 1000) / 1000)).toEqual([0.15, 0.5, 0.1, 1]);
    }
  });

  test.each([
    ["another size", { counts: [0, 200], size: [20, 10] }, /must be that of its picture, \[10, 20\]/],
    ["too few pixels", { counts: [0, 199], size: [10, 20] }, /do not add up to 20×10 pixels/],
    ["runs below 0", { counts: [-1, 201], size: [10, 20] }, /do not add up/],
    ["a text that is no run lengths", { counts: "\u0000~~~", size: [10, 20] }, /do not add up/],
    ["words", { counts: ["200"], size: [10, 20] }, /do not add up/],
  ])("run lengths are refused: %s", async (name, segmentation, message) => {
    await expect(openCoco({ annotations: [{ ...annotation, segmentation }] }, `rle ${name}`)).rejects.toThrow(message);
  });
});
