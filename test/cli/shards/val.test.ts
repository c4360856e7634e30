/** `val` in shards, and `merge`: the figures of one process, to the last digit. */

import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { allOr } from "../../support/full.js";
import { referenceMissing, referencePath } from "../../support/reference.js";
import { cli, EXAMPLE, fixture, scratchFolder } from "../support.js";

const folder = await scratchFolder();
const path = (...parts: string[]): string => join(folder, ...parts);
const SHARDS = 7;
let runs = 0;

type Json = Record<string, unknown>;
const read = (file: string): Json => JSON.parse(readFileSync(file, "utf8")) as Json;

/** Files below a folder with their content. */
function filesOf(root: string): Record<string, string> {
  if (!existsSync(root)) return {};
  const names = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = names.map(({ parentPath, name }) => join(parentPath, name)).sort();
  return Object.fromEntries(paths.map((file) => [file.slice(root.length + 1), readFileSync(file, "utf8")]));
}

/** Times and places differ. */
const figures = ({ speed: _, savedTo: _savedTo, ...json }: Json): Json => json;

/** The JSON and the files of one process, and of seven and a merge. */
async function both(argv: readonly string[], files: readonly string[] = []) {
  const run = `run${++runs}`;
  const whole = path(run, "whole.json");
  const flags = ["val", ...argv, "--noplots", ...files, "--quiet"];
  const one = await cli([...flags, "--json", whole, "--project", path(run), "--name", "one"]);
  expect(one).toMatchObject({ code: 0 });
  const order = Array.from({ length: SHARDS }, (_, index) => index);
  // In any order, some twice.
  for (const index of [...order.reverse(), 2, 5]) {
    const json = path(run, `part-${index}.json`);
    const own = await cli([
      ...flags,
      ...["--json", json, "--project", path(run), "--name", "parts", "--shard", `${index}/${SHARDS}`],
    ]);
    expect(own.stderr.replace(one.stderr, "")).toBe("");
    expect(own.code).toBe(0);
    expect(read(json)).toMatchObject({ shard: { index, count: SHARDS, command: "val" }, complete: true });
  }
  const parts = order.map((index) => path(run, `part-${index}.json`));
  const merged = path(run, "merged.json");
  expect(await cli(["merge", ...parts, "--output", merged, "--quiet"])).toEqual({ code: 0, stdout: "", stderr: "" });
  return { run, whole: read(whole), merged: read(merged), parts: parts.map(read) };
}

beforeAll(() => {
  for (const part of ["images", "labels"]) mkdirSync(path("data", part), { recursive: true });
  const boxes = ["0 0.5 0.5 0.4 0.4", "1 0.3 0.3 0.2 0.2", "2 0.7 0.6 0.3 0.1"];
  for (let i = 0; i < 11; i++) {
    copyFileSync(i % 3 === 0 ? fixture("picture.png") : EXAMPLE, path("data", "images", `p${i}.png`));
    writeFileSync(path("data", "labels", `p${i}.txt`), `${boxes.slice(i % 3).join("\n")}\n`);
  }
  // Its header is whole, so it is found to be damaged when its turn comes.
  const damaged = readFileSync(EXAMPLE);
  damaged.fill(0, damaged.length >> 1);
  writeFileSync(path("data", "images", "damaged.png"), damaged);
  writeFileSync(path("data", "images", "unreadable.png"), "no picture");
});

describe("val in 7 shards and merge", () => {
  const SOME: [string, string[]][] = [
    ["boxes in whole batches, some shards empty", ["--imgsz", "256", "--batch-size", "4"]],
    ["masks", ["--imgsz", "64", "--weights", fixture("seg.pt"), "--batch-size", "1"]],
    ["boxes as detect finds them, by COCO's definition", ["--imgsz", "256", "--as-detect", "--ap", "coco"]],
  ];
  const MORE: [string, string[]][] = [
    ["boxes", ["--imgsz", "256", "--batch-size", "1"]],
    ["boxes of one class", ["--imgsz", "256", "--batch-size", "2", "--single-cls"]],
    ["boxes with the settings for speed", ["--imgsz", "256", "--batch-size", "2", "--task", "speed"]],
  ];
  it.each(allOr([...SOME, ...MORE], SOME))("%s: the same figures as one process", async (_, argv) => {
    const { whole, merged, parts } = await both(["--data", path("data"), "--backend", "wasm", ...argv]);
    expect(figures(merged)).toEqual(figures(whole));
    expect(Object.keys(merged)).toEqual(Object.keys(whole).filter((key) => key !== "savedTo"));
    expect(whole).toMatchObject({ images: 11 });
    expect(parts.reduce((sum, { images }) => sum + (images as number), 0)).toBe(11);
  });

  it("keypoints: the same figures as one process", async () => {
    for (const part of ["images", "labels"]) mkdirSync(path("poses", part), { recursive: true });
    const points = Array.from({ length: 5 }, (_, i) => `${0.3 + i / 20} ${0.7 - i / 20} 2`).join(" ");
    for (let i = 0; i < 9; i++) {
      copyFileSync(i % 2 === 0 ? EXAMPLE : fixture("picture.png"), path("poses", "images", `${i}.png`));
      writeFileSync(path("poses", "labels", `${i}.txt`), `0 0.5 0.5 0.4 0.4 ${points}\n`);
    }
    const model = ["--weights", fixture("11-pose.pt"), "--imgsz", "64", "--batch-size", "2", "--backend", "wasm"];
    const { whole, merged } = await both(["--data", path("poses"), ...model]);
    expect(figures(merged)).toEqual(figures(whole));
    expect(whole).toMatchObject({ images: 9, keypoints: { perClass: [{ instances: 9 }] } });
  });

  it("classes: the same figures as one process", async () => {
    for (let i = 0; i < 10; i++) {
      const own = path("classes", "val", `class ${i % 5}`);
      mkdirSync(own, { recursive: true });
      copyFileSync(i % 2 === 0 ? EXAMPLE : fixture("picture.png"), join(own, `${i}.png`));
    }
    const { whole, merged } = await both([
      "--data",
      path("classes"),
      "--weights",
      fixture("cls.pt"),
      "--backend",
      "wasm",
    ]);
    expect(figures(merged)).toEqual(figures(whole));
    expect(whole).toMatchObject({ images: 10 });
  });

  it("label files and COCO's results are the same as with one process", async () => {
    const argv = ["--data", path("data"), "--imgsz", "256", "--batch-size", "1", "--backend", "wasm"];
    const { run, whole } = await both(argv, ["--save-txt", "--save-conf", "--save-json"]);
    const target = path(run, "joined");
    expect(await cli(["merge", path(run, "parts"), "--output", target, "--quiet"])).toMatchObject({
      code: 0,
      stderr: "",
    });
    const { "results.json": results, ...files } = filesOf(target);
    expect(files).toEqual(filesOf(path(run, "one")));
    expect(Object.keys(files).length).toBeGreaterThan(5);
    expect(figures(JSON.parse(results) as Json)).toEqual(figures(whole));
  });

  /** `YOLOV5_FULL=1`: all of them. */
  const SETS = [
    ["pothole_val", "pothole.pt"],
    ["crops_test", "crops.pt"],
    ["coco_val2017_128", "yolov5n.pt"],
    ["dna_test", "dna.pt"],
  ];
  it.each(allOr(SETS, SETS.slice(0, 1)))("%s: the same figures as one process", async (data, weights) => {
    if (referenceMissing("images", data) || referenceMissing("weights", weights)) return;
    const argv = ["--data", referencePath("images", data) ?? "", "--weights", referencePath("weights", weights) ?? ""];
    const { whole, merged } = await both([...argv, "--imgsz", "320", "--batch-size", "4", "--backend", "wasm"]);
    expect(figures(merged)).toEqual(figures(whole));
    expect(whole.map50).toBeGreaterThan(0);
  });
});
