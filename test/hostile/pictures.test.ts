/** Pictures that are small files and huge when decoded: refused, or decoded within 5 s of processor time and 1 GB. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { scratchFolder } from "../cli/support.js";
import {
  bmp,
  deflatedStrips,
  directoryBomb,
  gif,
  hugeTile,
  jpegStrips,
  packBits,
  png,
  progressiveJpeg,
  webp,
} from "./bombs.js";
import { expectOneSentence, limited, notBuilt } from "./limited.js";

const folder = await scratchFolder();
/** What is allowed by default is 8192 × 8192. */
const ALLOWED = 8192;
const HUGE = 16_383;

async function detect(name: string, picture: Uint8Array): Promise<void> {
  const path = join(folder, name);
  writeFileSync(path, picture);
  const ended = await limited(["detect", "--source", path, "--backend", "wasm", "--imgsz", "64", "--nosave"], folder);
  if (ended.code !== 0) expectOneSentence(ended, name);
}

describe.skipIf(notBuilt)("pictures", { timeout: 600_000 }, () => {
  test.each<[string, (side: number) => Uint8Array]>([
    ["huge.png", png],
    ["huge.webp", webp],
    ["huge.gif", gif],
    ["huge.bmp", bmp],
    ["huge.tif", packBits],
    ["huge.jpg", (side) => progressiveJpeg(side, 1)],
  ])("%s with the maximum number of pixels is decoded, and one with more is refused", async (name, make) => {
    expect(make(ALLOWED).length).toBeLessThan(1_000_000);
    await detect(name, make(ALLOWED));
    await detect(name, make(HUGE));
  });

  test.each<[string, () => Uint8Array]>([
    ["tile.tif", hugeTile],
    ["directory.tif", () => directoryBomb(false)],
    ["used.tif", () => directoryBomb(true)],
    ["scans.jpg", () => progressiveJpeg(4096, 200)],
    ["many.jpg", () => progressiveJpeg(ALLOWED, 14)],
    ["long strips.tif", () => deflatedStrips(64)],
    ["short strips.tif", () => deflatedStrips(4)],
    ["scans.tif", () => jpegStrips("scans")],
    ["tables.tif", () => jpegStrips("tables")],
    ["own tables.tif", () => jpegStrips("own tables")],
  ])("%s", async (name, make) => detect(name, make()));
});
