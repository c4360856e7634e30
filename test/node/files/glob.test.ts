/** Patterns as Python's glob takes them (checked against CPython 3.11). */

import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { globFiles } from "../../../src/node/files/glob.js";

let root = "";
const FILES = [
  "New folder (2)/right.jpg",
  "New folder 2/wrong.jpg",
  ...["a{1,2}.jpg", "a1.jpg", "a2.jpg", "!a.jpg", "@(b).jpg", "+b.jpg", "x[y.jpg", "]z.jpg", ".dot.jpg", "z^.jpg"],
  ...["deep/er/c.jpg", "deep/.hidden/d.jpg", "aside/e.jpg"],
];
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "glob-"));
  for (const name of FILES) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), "");
  }
  await symlink(join(root, "aside"), join(root, "deep/linked"));
  await symlink(join(root, "deep"), join(root, "deep/circle"));
});
afterAll(() => rm(root, { recursive: true }));

test.each<[string, string[]]>([
  ["New folder (2)/*.jpg", ["New folder (2)/right.jpg"]],
  ["New folder (*)/*", ["New folder (2)/right.jpg"]],
  ["a{1,2}.*", ["a{1,2}.jpg"]],
  ["!*", ["!a.jpg"]],
  ["@(b|c)*", []],
  ["@(b)*", ["@(b).jpg"]],
  ["+?.jpg", ["+b.jpg"]],
  ["[!a]?.jpg", ["+b.jpg", "]z.jpg", "z^.jpg", "!a.jpg"]],
  ["a[1-2].jpg", ["a1.jpg", "a2.jpg"]],
  ["[]]*", ["]z.jpg"]],
  ["z[^x].jpg", ["z^.jpg"]],
  ["x[y*", ["x[y.jpg"]],
  [".d*", [".dot.jpg"]],
  ["?dot.jpg", []],
  ["deep/**/*.jpg", ["deep/er/c.jpg", "deep/linked/e.jpg"]],
  ["deep/**", ["deep/er/c.jpg", "deep/linked/e.jpg"]],
  ["deep/.h*/*", ["deep/.hidden/d.jpg"]],
  ["deep/**/c.jpg", ["deep/er/c.jpg"]],
])("%s", async (pattern, expected) => {
  const found = await globFiles(join(root, pattern));
  expect(found.map((path) => relative(root, path)).sort()).toEqual([...expected].sort());
});
