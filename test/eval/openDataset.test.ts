/** Data sets on disk: where the pictures are, and folders of classes. */

import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodeImage, encodeJpeg, encodePng } from "../../src/image/index.js";
import { readPictureSize } from "../../src/image/pictureSize.js";
import { openClassificationDataset } from "../../src/node/datasets/classification.js";
import { openDataset } from "../../src/node/datasets/open.js";
import { referencePath } from "../support/reference.js";

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "yolov5-data-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const NAMES = ["cat", "dog"];
const picture = (width = 20, height = 10) => ({ width, height, data: new Uint8Array(width * height * 3).fill(90) });
const JPEG = encodeJpeg(picture());
const PNG = encodePng(picture(12, 30));

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

describe("finding the pictures", () => {
  const FILES = {
    "images/b.png": PNG,
    "images/a.jpg": JPEG,
    "images/sub/c.jpeg": JPEG,
    "images/notes.txt": "no picture",
    "labels/a.txt": "1 0.5 0.5 0.1 0.1\n",
    "labels/sub/c.txt": "0 0.5 0.5 0.1 0.1\n1 0.2 0.2 0.1 0.1",
  };

  test("in a folder with images/ and labels/ and subfolders; pictures without a label file are background", async () => {
    const folder = await write(FILES, "plain");
    expect(await open(folder)).toEqual({
      warnings: [],
      pictures: ["plain/images/a.jpg 20×10", "plain/images/b.png 12×30", "plain/images/sub/c.jpeg 20×10"],
      classes: [[1], [], [0, 1]],
    });
  });

  test("with labels next to the pictures if there is no images/", async () => {
    const folder = await write({ "a.jpg": JPEG, "a.txt": "0 0.5 0.5 0.1 0.1" }, "beside");
    expect((await open(folder)).classes).toEqual([[0]]);
  });

  test("in splits as folders of images/, or of the root as Roboflow exports them", async () => {
    const first = await write(
      { "images/train/t.jpg": JPEG, "images/val/v.jpg": JPEG, "labels/val/v.txt": "1 0.5 0.5 0.1 0.1" },
      "splits",
    );
    expect((await open(first)).pictures).toEqual(["splits/images/val/v.jpg 20×10"]);
    expect((await open(first, { split: "train" })).pictures).toEqual(["splits/images/train/t.jpg 20×10"]);
    const second = await write(
      {
        "data.yaml": "train: ../train/images\nval: ../valid/images\nnc: 2\nnames: ['cat', 'dog']\n",
        "valid/images/v.jpg": JPEG,
        "valid/labels/v.txt": "1 0.5 0.5 0.1 0.1",
      },
      "roboflow",
    );
    expect(await open(second)).toMatchObject({ pictures: ["roboflow/valid/images/v.jpg 20×10"], classes: [[1]] });
  });

  test("from a description with path, several sources and a list file", async () => {
    const folder = await write(
      {
        ...FILES,
        "set.yaml": "path: .\nval:\n  - images/sub\n  - list.txt\nnames:\n  0: cat\n  1: dog\n",
        "list.txt": "./images/b.png\n\n./images/a.jpg\n",
      },
      "described",
    );
    const { samples, names } = await openDataset(join(folder, "set.yaml"), { names: NAMES });
    expect(samples.map(({ name }) => name.slice(folder.length + 1))).toEqual([
      "images/sub/c.jpeg",
      "images/a.jpg",
      "images/b.png",
    ]);
    expect(names).toEqual(["cat", "dog"]);
    expect((await open(join(folder, "list.txt"))).classes).toEqual([[1], []]);
  });

  test("from a description that was moved: in images/ next to it, with a warning", async () => {
    const folder = await write(
      { ...FILES, "config.yaml": "path: .\nval: images/val2017\nnames: [cat, dog]\n" },
      "moved",
    );
    const { warnings, pictures } = await open(join(folder, "config.yaml"));
    expect(pictures.length).toBe(3);
    expect(warnings).toEqual([
      expect.stringMatching(/config\.yaml: "images\/val2017" does not exist.*using .*moved\/images/),
    ]);
  });

  test("of COCO annotations next to them, in images/ or in COCO's layout", async () => {
    const annotations = JSON.stringify({
      images: [{ id: 5, file_name: "a.jpg", width: 20, height: 10 }],
      categories: [{ id: 18, name: "dog" }],
      annotations: [{ image_id: 5, category_id: 18, bbox: [0, 0, 10, 5] }],
    });
    for (const [file, picturePath] of [
      ["x.json", "a.jpg"],
      ["x.json", "images/a.jpg"],
      ["annotations/instances_val2017.json", "val2017/a.jpg"],
      ["annotations/instances_val2017.json", "images/val2017/a.jpg"],
    ]) {
      const folder = await write(
        { [file]: annotations, [picturePath]: JPEG },
        `coco-${picturePath.replaceAll("/", "-")}`,
      );
      const { samples, categoryIds } = await openDataset(join(folder, file), { names: NAMES });
      expect([samples[0].imageId, Array.from(samples[0].truth.classes), categoryIds?.[1]]).toEqual([5, [1], 18]);
    }
    const lost = await write({ "y.json": annotations }, "coco-lost");
    await expect(openDataset(join(lost, "y.json"), { names: NAMES })).rejects.toThrow(
      /a\.jpg is in none of .*--images/,
    );
    const elsewhere = await write({ "a.jpg": JPEG }, "coco-elsewhere");
    const { samples } = await openDataset(join(lost, "y.json"), { names: NAMES, images: elsewhere });
    expect((await samples[0].load()).width).toBe(20);
  });
});
describe("classification", () => {
  test("folders are matched by the model's names, else in sorted order", async () => {
    const folder = await write(
      { "val/dog/a.jpg": JPEG, "val/cat/b.jpg": JPEG, "val/cat/c.png": PNG, "train/x/y.jpg": JPEG },
      "cls",
    );
    const classes = async (names: readonly string[]) =>
      (await openClassificationDataset(folder, names)).map(
        ({ name, class: c }) => `${name.slice(folder.length + 5)} ${c}`,
      );
    expect(await classes(["dog", "cat"])).toEqual(["cat/b.jpg 1", "cat/c.png 1", "dog/a.jpg 0"]);
    expect(await classes(["Katze", "Hund"])).toEqual(["cat/b.jpg 0", "cat/c.png 0", "dog/a.jpg 1"]);
    expect(await classes(["bird", "cat", "dog"])).toEqual(["cat/b.jpg 1", "cat/c.png 1", "dog/a.jpg 2"]);
    await expect(classes(["a", "b", "c"])).rejects.toThrow(
      /has 2 class folders, the model 3 classes, and 2 of the folders match no class \("cat", "dog"\)/,
    );
    await expect(openClassificationDataset(join(folder, "val", "cat"), NAMES)).rejects.toThrow(/holds no folders/);
    await expect(openClassificationDataset(join(folder, "nowhere"), NAMES)).rejects.toThrow(/is not a folder/);
  });
});

test("sizes from headers equal those of decoded pictures, rotated by EXIF", async () => {
  const folder = referencePath("images", "hard", "exif");
  if (!folder) return;
  const names = (await readdir(folder)).filter((name) => /\.(jpe?g|png)$/i.test(name));
  expect(names.length).toBeGreaterThan(4);
  for (const name of names) {
    const bytes = await readFile(join(folder, name));
    const { width, height } = await decodeImage(bytes);
    expect({ name, ...(await readPictureSize(bytes, name)) }).toEqual({ name, width, height });
  }
});
