/** `--blur` and `--redact` for pictures: what is hidden, what is written, and what is refused. */

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { decodeImage } from "../../../src/image/index.js";
import type { RgbImage } from "../../../src/image/types.js";
import { cli, EXAMPLE, FAST, fixture, scratchFolder } from "../support.js";

const folder = await scratchFolder();
let runs = 0;

interface Box {
  readonly xmin: number;
  readonly ymin: number;
  readonly xmax: number;
  readonly ymax: number;
  readonly name: string;
}

async function detect(...words: readonly string[]) {
  const project = join(folder, `run${++runs}`);
  const argv = ["detect", "--source", EXAMPLE, ...FAST, "--project", project, "--json", "-", "--quiet", ...words];
  const outcome = await cli(argv);
  const files = await readdir(project, { recursive: true }).catch((): string[] => []);
  const json = outcome.code === 0 ? JSON.parse(outcome.stdout) : undefined;
  const detections: readonly Box[] = json?.images[0].detections ?? [];
  const picture = files.includes(join("exp", "codes.png"))
    ? await decodeImage(await readFile(join(project, "exp", "codes.png")))
    : undefined;
  return { ...outcome, files: files.toSorted(), detections, picture };
}

const original = await decodeImage(await readFile(EXAMPLE));

/** How many pixels of a box differ between two pictures, as a part of it. */
function differing(a: RgbImage, b: RgbImage, { xmin, ymin, xmax, ymax }: Omit<Box, "name">): number {
  let [differ, all] = [0, 0];
  for (let y = Math.ceil(ymin); y < Math.floor(ymax); y++) {
    for (let x = Math.ceil(xmin); x < Math.floor(xmax); x++) {
      const at = (y * a.width + x) * 3;
      all++;
      if (a.data[at] !== b.data[at] || a.data[at + 1] !== b.data[at + 1] || a.data[at + 2] !== b.data[at + 2]) differ++;
    }
  }
  return differ / all;
}

describe("pictures", () => {
  test("--redact writes one file in which every object is hidden and nothing else changed", async () => {
    const { code, files, detections, picture } = await detect("--redact");
    expect(code).toBe(0);
    expect(files).toEqual(["exp", join("exp", "codes.png")]);
    expect(detections.length).toBeGreaterThan(3);
    if (!picture) throw new Error("no picture");
    for (const box of detections) expect(differing(original, picture, box)).toBeGreaterThan(0.7);
    // Pixels that no widened box covers.
    let outside = 0;
    for (let y = 0; y < picture.height; y++) {
      for (let x = 0; x < picture.width; x++) {
        const covered = detections.some(({ xmin, ymin, xmax, ymax }) => {
          const [w, h] = [(xmax - xmin) * 0.11 + 1, (ymax - ymin) * 0.11 + 1];
          return x > xmin - w && x < xmax + w && y > ymin - h && y < ymax + h;
        });
        if (covered) continue;
        const at = (y * picture.width + x) * 3;
        outside += [0, 1, 2].filter((c) => picture.data[at + c] !== original.data[at + c]).length;
      }
    }
    expect(outside).toBe(0);
  });

  test("--blur takes names or indices, draws boxes around hidden objects, and hides them in crops too", async () => {
    const all = await detect("--nosave");
    const name = all.detections[0].name;
    const shown = all.detections.filter((box) => box.name !== name);
    const drawn = await detect("--blur", name, "--redact", "--blur-style", "fill");
    if (!drawn.picture) throw new Error("no picture");
    for (const box of all.detections.filter((found) => found.name === name)) {
      expect(differing(original, drawn.picture, box)).toBeGreaterThan(0.9);
    }
    expect(shown.length).toBeGreaterThan(0);
    const bare = shown.filter((box) => differing(original, drawn.picture ?? original, box) < 0.1);
    expect(bare.length).toBeGreaterThan(0);
    const { code, files, picture } = await detect("--blur", "--save-crop", "--save-txt", "--blur-style", "gaussian");
    expect(code).toBe(0);
    expect(files).toEqual(expect.arrayContaining([join("exp", "codes.png"), join("exp", "labels", "codes.txt")]));
    if (!picture) throw new Error("no picture");
    // A crop of a code has black and white; hidden, it has neither.
    const project = join(folder, `run${runs}`);
    for (const crop of files.filter((file) => file.includes("crops") && file.endsWith(".jpg"))) {
      const { data } = await decodeImage(await readFile(join(project, crop)));
      const extreme = data.filter((value) => value < 10).length / data.length;
      expect(extreme).toBeLessThan(0.05);
    }
  });
});

test("--redact in shards and jobs: the JSON lists the pictures without what was found", async () => {
  const project = join(folder, "sharded");
  const argv = ["detect", "--source", EXAMPLE, ...FAST, "--project", project, "--shard", "0/1", "--redact", "--quiet"];
  expect((await cli(argv)).code).toBe(0);
  const shard = join(project, "exp", "shard-00000-of-00001");
  expect((await readdir(shard)).toSorted()).toEqual(["codes.png", "results.json"]);
  const { images } = JSON.parse(await readFile(join(shard, "results.json"), "utf8"));
  expect(images).toEqual([{ source: EXAMPLE }]);
  expect((await cli(["merge", join(project, "exp"), "--output", join(project, "merged"), "--quiet"])).code).toBe(0);
  expect((await readdir(join(project, "merged"))).toSorted()).toEqual(["codes.png", "results.json"]);
  // Asked for, it has what was found.
  const whole = await cli([...argv, "--json", join(project, "whole.json")]);
  expect(whole.code).toBe(0);
  expect(JSON.parse(await readFile(join(project, "whole.json"), "utf8")).images[0].detections.length).toBeGreaterThan(
    3,
  );
});

describe("refused", () => {
  test.each([
    [["--redact", "--nosave"], /--redact writes nothing but the redacted file; leave out --nosave/],
    [["--redact", "--save-txt"], /leave out --save-txt/],
    [["--redact", "--save-crop"], /leave out --save-crop/],
    [["--blur", "--nosave"], /--blur changes the pictures that are written, and --nosave writes none/],
    [["--blur", "unicorn"], /--blur unicorn: is not a class of this model; give names or indices \(0 to \d+\): /],
    [["--blur", "99"], /--blur 99: is not a class/],
    [["--blur", "0", "--classes", "1"], /--blur [^:]+: --classes leaves this class \(0\) out; add it there/],
    [["--blur-style", "fill"], /--blur-style says how objects are hidden; add --blur or --redact/],
    [["--blur-shape", "mask", "--save-crop"], /--blur-shape says how objects are hidden; add --blur or --redact/],
    [["--blur", "--blur-style", "black"], /Allowed choices are mosaic, gaussian, fill/],
  ])("%j", async (words, message) => {
    const { code, stderr } = await detect(...words);
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  });

  test("a classification model", async () => {
    const { code, stderr } = await detect("--redact", "--weights", fixture("cls.pt"));
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/--redact needs boxes, and a classification model finds none/),
    ]);
  });
});
