/** Folders of data sets are walked as Python's recursive glob walks them. */

import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openClassificationDataset } from "../../src/node/datasets/classification.js";
import { picturesBelow } from "../../src/node/datasets/files.js";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "walk-"));
});
afterEach(() => rm(root, { recursive: true }));

async function put(path: string): Promise<void> {
  await mkdir(join(root, path, ".."), { recursive: true });
  await writeFile(join(root, path), "");
}

test("hidden folders are passed over, links followed, circles end", async () => {
  for (const path of ["in/a.jpg", "in/.ipynb_checkpoints/a.jpg", "in/b/.x/y/c.jpg", "out/d.jpg"]) await put(path);
  await symlink(join(root, "out"), join(root, "in/linked"));
  await symlink(join(root, "in"), join(root, "in/b/circle"));
  await symlink("/dev/zero", join(root, "in/endless.jpg"));
  const found = await picturesBelow(join(root, "in"));
  expect(found.map((path) => relative(root, path))).toEqual(["in/a.jpg", "in/linked/d.jpg"]);
});

test("classes may be links and hold .ppm and .pgm", async () => {
  for (const path of ["val/a/0.ppm", "val/a/1.PGM", "val/.hidden/0.png", "out/2.png"]) await put(path);
  await symlink(join(root, "out"), join(root, "val/b"));
  const samples = await openClassificationDataset(root, ["a", "b"]);
  expect(samples.map((sample) => sample.class)).toEqual([0, 0, 1]);
});
