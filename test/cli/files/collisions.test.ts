/** Results that must not replace each other. */

import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { decodeImage, encodeJpeg } from "../../../src/image/index.js";
import { cli, EXAMPLE, FAST, scratchFolder } from "../support.js";

const folder = await scratchFolder();
const path = (...names: string[]): string => join(folder, ...names);
const picture = await decodeImage(await readFile(EXAMPLE), { path: EXAMPLE });
const jpeg = encodeJpeg(picture);

/** Every file below a folder. */
async function filesBelow(root: string): Promise<string[]> {
  const entries = await readdir(root, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}

function pictures(name: string, files: readonly string[]): string {
  mkdirSync(path(name), { recursive: true });
  for (const file of files) {
    if (file.endsWith(".png")) copyFileSync(EXAMPLE, path(name, file));
    else writeFileSync(path(name, file), jpeg);
  }
  return path(name);
}

interface Entry {
  readonly source: string;
  readonly error?: string;
  readonly detections?: readonly unknown[];
}

async function entriesOf(json: string): Promise<Entry[]> {
  return (JSON.parse(await readFile(json, "utf8")) as { images: Entry[] }).images;
}

describe("results do not overwrite each other", () => {
  test("pictures and labels with the same stem in many formats", async () => {
    const source = pictures("stems", ["a.bmp", "a.jpg", "a.png", "A.webp", "a_2.jpg"]);
    for (const [format, name] of [
      ["source", "s"],
      ["jpg", "j"],
      ["png", "p"],
    ] as const) {
      const { code, stdout } = await cli([
        "detect",
        "--source",
        source,
        ...FAST,
        "--save-txt",
        "--image-format",
        format,
        "--project",
        path("o"),
        "--name",
        name,
      ]);
      expect(code).toBe(0);
      const files = await readdir(path("o", name));
      expect(files.filter((file) => file !== "labels")).toHaveLength(5);
      const labels = await readdir(path("o", name, "labels"));
      expect(labels).toHaveLength(5);
      expect(stdout).toContain("5 labels saved");
      // Each label file beside its picture.
      expect(labels.map((label) => label.replace(/\.txt$/, "")).sort()).toEqual(
        files
          .filter((file) => file !== "labels")
          .map((file) => file.replace(/\.[^.]+$/, ""))
          .sort(),
      );
    }
  });

  test("crops show the picture without the drawing", async () => {
    const source = pictures("plain", ["1.png"]);
    const [saved, kept] = [path("with"), path("without")];
    for (const [project, more] of [
      [saved, []],
      [kept, ["--nosave"]],
    ] as const) {
      const argv = ["detect", "--source", source, ...FAST, "--project", project, "--save-crop", ...more];
      expect((await cli(argv)).code).toBe(0);
    }
    const names = (await readdir(join(saved, "exp", "crops", "aruco"))).sort();
    expect(names.length).toBeGreaterThan(1);
    for (const name of names) {
      const read = (project: string) => readFile(join(project, "exp", "crops", "aruco", name));
      expect((await read(saved)).equals(await read(kept))).toBe(true);
    }
    const drawn = await decodeImage(await readFile(join(saved, "exp", "1.png")));
    expect(Buffer.from(drawn.data).equals(picture.data)).toBe(false);
  });

  test("there are as many crops as boxes", async () => {
    const source = pictures("crops", ["1.jpg", "12.jpg", "122.jpg", "1.png"]);
    const json = path("crops.json");
    const { code } = await cli([
      "detect",
      "--source",
      source,
      ...FAST,
      "--save-crop",
      "--nosave",
      "--project",
      path("oc"),
      "--json",
      json,
    ]);
    expect(code).toBe(0);
    const boxes = (await entriesOf(json)).reduce((sum, { detections = [] }) => sum + detections.length, 0);
    expect(boxes).toBeGreaterThan(8);
    expect(await filesBelow(path("oc"))).toHaveLength(boxes);
  });

  test("val --save-txt", async () => {
    const root = path("data");
    for (const kind of ["images", "labels"]) await mkdir(join(root, kind), { recursive: true });
    for (const name of ["a.jpg", "a.png", "A.bmp"]) await writeFile(join(root, "images", name), jpeg);
    const { code, stdout } = await cli([
      "val",
      "--data",
      root,
      ...FAST,
      "--save-txt",
      "--noplots",
      "--project",
      path("ov"),
    ]);
    expect(code).toBe(0);
    expect(await readdir(path("ov", "exp", "labels"))).toHaveLength(3);
    expect(stdout).toContain("3 label files saved");
  });
});
