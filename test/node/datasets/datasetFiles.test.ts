/** Folders of data sets are walked as Python's recursive glob walks them. */

import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openClassificationDataset } from "../../../src/node/datasets/classification.js";
import { picturesBelow } from "../../../src/node/datasets/files.js";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "walk-"));
});
afterEach(() => rm(root, { recursive: true }));

async function put(path: string): Promise<void> {
  await mkdir(join(root, path, ".."), { recursive: true });
  await writeFile(join(root, path), "");
}

test("hidden folders are skipped, links are followed, and cycles end", async () => {
  for (const path of ["in/a.jpg", "in/.ipynb_checkpoints/a.jpg", "in/b/.x/y/c.jpg", "out/d.jpg"]) await put(path);
  await symlink(join(root, "out"), join(root, "in/linked"));
  await symlink(join(root, "in"), join(root, "in/b/circle"));
  await symlink("/dev/zero", join(root, "in/endless.jpg"));
  const found = await picturesBelow(join(root, "in"));
  expect(found.map((path) => relative(root, path))).toEqual(["in/a.jpg", "in/linked/d.jpg"]);
});

test("class folders may be links and contain .ppm and .pgm", async () => {
  for (const path of ["val/a/0.ppm", "val/a/1.PGM", "val/.hidden/0.png", "out/2.png"]) await put(path);
  await symlink(join(root, "out"), join(root, "val/b"));
  const samples = await openClassificationDataset(root, ["a", "b"]);
  expect(samples.map((sample) => sample.class)).toEqual([0, 0, 1]);
});

const NAMES = ["cat", "dog", "owl"];

async function classesOf(folder: string, folders: readonly string[], names: readonly string[] = NAMES) {
  for (const name of folders) await put(join(folder, "val", name, "0.png"));
  const warnings: string[] = [];
  const samples = await openClassificationDataset(join(root, folder), names, "val", {
    onWarning: (text) => warnings.push(text),
  });
  const found = samples.map(({ name, class: index }) => [
    relative(join(root, folder, "val"), name).slice(0, -6),
    index,
  ]);
  return { classes: Object.fromEntries(found) as Readonly<Record<string, number>>, warnings };
}

test("a folder name in capitals does not shift the other classes", async () => {
  expect(await classesOf("caps", ["cat", "dog", "OWL"])).toEqual({ classes: { cat: 0, dog: 1, OWL: 2 }, warnings: [] });
  expect((await classesOf("fewer", ["Owl", "cat"])).classes).toEqual({ Owl: 2, cat: 0 });
  expect((await classesOf("both", ["A", "a", "b"], ["a", "A", "b"])).classes).toEqual({ A: 1, a: 0, b: 2 });
});

test("folders matched by order are reported; an order that the names contradict is refused", async () => {
  const { classes, warnings } = await classesOf("order", ["katze", "uhu", "wolf"]);
  expect(classes).toEqual({ katze: 0, uhu: 1, wolf: 2 });
  expect(warnings).toEqual([expect.stringMatching(/folder "katze" is used as class 0, "cat": not all folders are/)]);
  expect((await classesOf("nameless", ["x", "y"], ["class0", "class1"])).warnings).toEqual([]);
  await expect(classesOf("shifted", ["aardvark", "cat", "dog"])).rejects.toThrow(
    /1 of the folders match no class \("aardvark"\); name the folders after the classes/,
  );
});

test("a broken link is reported when it is read", async () => {
  await put("val/a/0.png");
  await symlink("nowhere", join(root, "val/a/z.jpg"));
  const samples = await openClassificationDataset(root, ["a"]);
  await expect(samples[1].load()).rejects.toThrow(/val\/a\/z\.jpg: no such file; give the path of a picture$/);
});
