/** Data sets with errors: what stops everything, and what is left out with a warning. */

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeJpeg, encodePng } from "../../src/image/index.js";
import { openDataset } from "../../src/node/datasets/open.js";

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

describe("broken data sets", () => {
  test("unreadable lines are an error with file and line", async () => {
    const folder = await write(
      {
        "images/a.jpg": JPEG,
        "images/b.jpg": JPEG,
        "labels/a.txt": "0 0.5 0.5 0.1 0.1\n0 0.5 half 0.1 0.1\n",
        "labels/b.txt": "0 0.5 0.5\n",
      },
      "malformed",
    );
    await expect(open(folder)).rejects.toThrow(
      /malformed\/labels\/a\.txt:2: "half" is not a number; fix the label file; 1 more lines are wrong: .*b\.txt:1: 3 columns/,
    );
  });

  test("a picture with coordinates outside is left out with a warning, as in val.py", async () => {
    const folder = await write(
      {
        "images/a.jpg": JPEG,
        "images/b.jpg": JPEG,
        "labels/a.txt": "0 0.5 0.5 0.1 0.1\n0 -0.5 0.5 0.1 0.1\n0 1.5 0.5 0.1 0.1\n",
      },
      "outside",
    );
    const { warnings, pictures } = await open(folder);
    expect(pictures).toEqual(["outside/images/b.jpg 20×10"]);
    expect(warnings).toEqual([
      expect.stringMatching(
        /outside\/labels\/a\.txt:2: -0\.5 is negative.*\(and 1 more lines\); the picture is left out/,
      ),
    ]);
  });

  test("repeated lines are reported and count once", async () => {
    const folder = await write(
      { "images/a.jpg": JPEG, "labels/a.txt": "0 0.5 0.5 0.1 0.1\n0 0.5 0.5 0.1 0.1\n" },
      "repeated",
    );
    expect(await open(folder)).toMatchObject({
      classes: [[0]],
      warnings: [expect.stringMatching(/a\.txt: line 2 repeats an earlier one and counts once/)],
    });
  });

  test("files that are not pictures or too small are left out", async () => {
    const folder = await write(
      {
        "images/a.jpg": "text",
        "images/b.png": encodePng(picture(9, 40)),
        "images/c.jpg": JPEG,
        "images/d.jpg": JPEG.subarray(0, 30),
        "labels/c.txt": "",
      },
      "pictures",
    );
    const { pictures, warnings } = await open(folder);
    expect(pictures).toEqual(["pictures/images/c.jpg 20×10"]);
    expect(warnings).toEqual([
      expect.stringMatching(/a\.jpg: is a text file, not a picture.*left out/),
      expect.stringMatching(/b\.png: 9×40 pixels; sides must have at least 10.*left out/),
      expect.stringMatching(/d\.jpg: damaged JPEG.*left out/),
    ]);
  });

  test("after twenty warnings, further ones are only counted", async () => {
    const bad = Object.fromEntries(Array.from({ length: 23 }, (_, i) => [`images/${i}.jpg`, "text"]));
    const folder = await write({ ...bad, "images/a.jpg": JPEG, "labels/a.txt": "" }, "twenty");
    const { warnings, pictures } = await open(folder);
    expect([warnings.length, pictures.length]).toEqual([21, 1]);
    expect(warnings[20]).toMatch(/twenty: 3 more pictures are left out for similar reasons/);
  });

  test("missing label files are reported with the expected location", async () => {
    const folder = await write({ "images/a.jpg": JPEG }, "unlabelled");
    const { warnings, classes } = await open(folder);
    expect(classes).toEqual([[]]);
    expect(warnings).toEqual([expect.stringMatching(/no labels found.*unlabelled\/labels\/a\.txt/)]);
  });

  test("paths that are not data sets are refused", async () => {
    await write(
      { "empty/readme.md": "", "x.zip": "PK", "bad.yaml": "a: [1", "list.txt": "a.jpg\nmissing.jpg\n", "a.jpg": JPEG },
      "odd",
    );
    const at = (name: string): string => join(root, "odd", name);
    await expect(open(at("nowhere"))).rejects.toThrow(/nowhere: no such file or folder; give a folder with images\//);
    await expect(open(at("empty"))).rejects.toThrow(/empty: holds no pictures/);
    await expect(open(at("x.zip"))).rejects.toThrow(/x\.zip: is not a data set/);
    await expect(open(at("bad.yaml"))).rejects.toThrow(/bad\.yaml: is not valid YAML/);
    await expect(open(at("list.txt"))).rejects.toThrow(/list\.txt:2: missing\.jpg: no such file/);
    await write({ "folders.txt": "empty\n" }, "odd");
    await expect(open(at("folders.txt"))).rejects.toThrow(/folders\.txt:1: empty: is a folder; list its pictures/);
    await write({ "away.yaml": "path: ../nothing\nval: images/val\n" }, "odd");
    await expect(open(at("away.yaml"))).rejects.toThrow(/away\.yaml: "images\/val" does not exist \(tried .*nothing/);
  });

  test("Ctrl-C ends the reading of labels", async () => {
    const folder = await write({ "images/a.jpg": JPEG }, "aborted");
    await expect(open(folder, { signal: AbortSignal.abort() })).rejects.toThrow();
  });
});
