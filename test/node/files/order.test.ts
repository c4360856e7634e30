/** Frames in the order of their numbers when they are tracked, in detect.py's order else. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { misorderedFrames } from "../../../src/cli/detect/sources/frameOrder.js";
import { expandSources } from "../../../src/cli/detect/sources/sources.js";
import { byNumbers } from "../../../src/node/files/order.js";

test.each([
  ["frame1.jpg frame2.jpg frame10.jpg frame11.jpg"],
  ["1.png 2.png 10.png"],
  ["a1b2.png a1b10.png a2b1.png"],
  ["t_9.jpg t_009.jpg t_10.jpg", "t_009.jpg t_9.jpg t_10.jpg"],
  ["v9007199254740993.png v9007199254740994.png v90071992547409930.png"],
  ["A.jpg B2.jpg a.jpg"],
])("%s", (names, expected = names) => {
  for (const given of [names.split(" "), names.split(" ").reverse()]) {
    expect(given.sort(byNumbers).join(" ")).toBe(expected);
  }
});

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "frames-"));
  for (const n of [1, 2, 3, 10, 11]) await writeFile(join(folder, `frame${n}.jpg`), "");
});
afterAll(() => rm(folder, { recursive: true }));

test("folders and globs are sorted by number only for tracking", async () => {
  for (const source of [folder, join(folder, "*.jpg"), join(folder, "..", basename(folder), "f*")]) {
    const order = async (frames: boolean): Promise<string[]> =>
      (await expandSources([source], { frames })).map((item) => basename(item.source, ".jpg").slice(5));
    expect(await order(true)).toEqual(["1", "2", "3", "10", "11"]);
    expect(await order(false)).toEqual(["1", "10", "11", "2", "3"]);
  }
});

test("an alphabetical order given by the user is reported, not changed", async () => {
  const files = (order: readonly number[]): string[] => order.map((n) => join(folder, `frame${n}.jpg`));
  await writeFile(join(folder, "list.txt"), [1, 10, 11, 2, 3].map((n) => `frame${n}.jpg`).join("\n"));
  const said = async (sources: readonly string[]): Promise<string | undefined> =>
    misorderedFrames(await expandSources(sources, { frames: true }));
  for (const sources of [files([1, 10, 11, 2, 3]), [join(folder, "list.txt")]]) {
    expect(await said(sources)).toMatch(
      /in the order given, in which frame11\.jpg comes before frame2\.jpg; give their/,
    );
  }
  // Backwards, by hand, and with zeros: nobody's mistake.
  for (const order of [
    [1, 2, 3, 10, 11],
    [11, 10, 3, 2, 1],
    [3, 1, 2],
  ]) {
    expect(await said(files(order))).toBeUndefined();
  }
  expect(misorderedFrames(["a9/1.jpg", "a10/1.jpg"].map((source) => ({ source })))).toBeUndefined();
});
