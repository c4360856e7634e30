/** Every command takes the same files for pictures. */

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { expandSources } from "../../../src/cli/detect/sources/sources.js";
import { openClassificationDataset } from "../../../src/node/datasets/classification.js";
import { picturesBelow } from "../../../src/node/datasets/files.js";
import { openDataset } from "../../../src/node/datasets/open.js";

/** Files whose content is the same small picture. */
const NAMES = ["a.ppm", "b.PGM", "c.pnm", "d.pbm", "e.jfif", "f.gif", "g.avif", "h.png", "i.dib"];
const PPM = Buffer.concat([Buffer.from("P6\n12 12\n255\n"), Buffer.alloc(12 * 12 * 3)]);

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "endings-"));
  for (const name of ["all", "other"]) {
    await mkdir(join(folder, "val", name), { recursive: true });
    for (const file of [...NAMES, "notes.txt", "model.pt"]) await writeFile(join(folder, "val", name, file), PPM);
  }
});
afterAll(() => rm(folder, { recursive: true }));

test("detect, val, calibration and class folders accept the same picture files", async () => {
  const all = join(folder, "val", "all");
  const expected = NAMES.map((name) => join(all, name));
  for (const source of [all, join(all, "*")]) {
    expect((await expandSources([source], {})).map((item) => item.source)).toEqual(expected);
  }
  expect(await picturesBelow(all)).toEqual(expected);
  const { samples } = await openDataset(all, { names: ["x"] });
  expect(samples.map(({ name, width }) => [name, width])).toEqual(expected.map((path) => [path, 12]));
  expect((await openClassificationDataset(folder, ["all", "other"])).length).toBe(2 * NAMES.length);
});
