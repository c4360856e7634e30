/** Patterns and folders made to take for ever. */

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { picturesBelow } from "../../../src/node/datasets/files.js";
import { globFiles } from "../../../src/node/files/glob.js";
import { soon } from "../../support/limits.js";

const root = await mkdtemp(join(tmpdir(), "glob-limits-"));
afterAll(() => rm(root, { recursive: true }));

test("many stars with a name that almost matches take little time", async () => {
  await writeFile(join(root, `${"a".repeat(200)}.png`), "");
  expect(await soon(() => globFiles(join(root, `${"*a".repeat(40)}*b`)))).toEqual([]);
  expect(await globFiles(join(root, `${"*a".repeat(40)}*.p?g`))).toHaveLength(1);
});

test("many ** over deep folders take little time", async () => {
  await mkdir(join(root, ...Array<string>(40).fill("d")), { recursive: true });
  await writeFile(join(root, "d", "d", "x.png"), "");
  const found = await soon(() => globFiles(join(root, ...Array<string>(12).fill("**"), "x.png")));
  expect(found).toEqual([join(root, "d", "d", "x.png")]);
});

test("an abort ends the walk", async () => {
  const controller = new AbortController();
  const walks = [globFiles(join(root, "**", "*.png"), controller.signal), picturesBelow(root, controller.signal)];
  controller.abort();
  for (const walk of walks) await expect(walk).rejects.toBe(controller.signal.reason);
});
