/** `merge` of results that come from strangers: nothing outside its folder is written or read, and one sentence says why. */

import { execFileSync } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { MAX_SECONDS, slowness } from "../../support/limits.js";
import { cli, scratchFolder } from "../support.js";

const folder = await scratchFolder();
const deep = join(folder, "a", "b");
const shard = join(deep, "shard");
mkdirSync(shard, { recursive: true });
writeFileSync(join(shard, "a.txt"), "evil");
writeFileSync(join(deep, "secret.txt"), "secret");
symlinkSync(join(deep, "secret.txt"), join(shard, "link.txt"));

const BLOCK = { index: 0, count: 1, command: "detect", run: "x", failed: 0 };
const MODEL = { model: { path: "m" }, backend: { name: "wasm" } };
const detect = (more: object, block: object = {}): string =>
  JSON.stringify({ shard: { ...BLOCK, ...block }, ...MODEL, images: [{ source: "a.jpg" }], ...more });
const val = (more: object): string =>
  JSON.stringify({ shard: { ...BLOCK, command: "val" }, ...MODEL, excluded: [], ...more });
const files = (more: object): string =>
  detect({
    savedTo: shard,
    files: [{ name: "a", stem: "a", places: [{ folder: "labels", ending: ".txt" }], files: ["a.txt"], ...more }],
  });

const MATCHES = { correct: "", confidences: "", classes: "", labelClasses: "" };
const SPEED = { preprocess: 0, inference: 0, postprocess: 0 };
const statistics = (more: object): string =>
  val({
    statistics: {
      pictures: 1,
      boxes: MATCHES,
      classes: 0,
      confusion: "AAAAAAAAAAA=",
      ms: SPEED,
      names: [],
      failed: 0,
      ...more,
    },
  });

let made = 0;
async function merge(text: string, output = "merged") {
  const path = join(deep, `${made++}.json`);
  writeFileSync(path, text);
  return cli(["merge", path, "--output", join(deep, `out${made}`, output)]);
}

test.each<[string, string]>([
  ["a file above its folder", files({ files: ["../secret.txt"] })],
  ["an absolute file", files({ files: ["/etc/hostname"] })],
  ["a link out of its folder", files({ files: ["link.txt"] })],
  ["a stem that leads up", files({ name: "../../evil", files: ["a.txt"] })],
  ["an ending that leads up", files({ places: [{ folder: "", ending: "/../../evil" }] })],
  ["a place above the folder", files({ places: [{ folder: "../..", ending: ".txt" }] })],
  ["files that are none", detect({ savedTo: shard, files: [null] })],
  ["files that are no list", detect({ savedTo: shard, files: 7 })],
  ["no entry", detect({ images: [null] })],
  ["an entry of another kind", detect({ images: [{ source: 7 }] })],
  ["videos of another kind", detect({ videos: 7 })],
  ["a video of another kind", detect({ videos: [null] })],
  ["more shards than there can be", detect({}, { count: 1e9 })],
  ["a shard beyond its count", detect({}, { index: 5 })],
  ["matches that are none", statistics({ boxes: 1 })],
  ["matches of different lengths", statistics({ boxes: { ...MATCHES, correct: "AAAA" } })],
  ["classes beyond the count", statistics({ boxes: { ...MATCHES, labelClasses: "/////w==" } })],
  ["a matrix of another size", statistics({ classes: 4000 })],
  ["names of another kind", statistics({ names: 7 })],
  ["figures of another kind", val({ images: 3, perClass: [null], top1: 1, speed: SPEED })],
  ["no times", val({ images: 3, perClass: [], top1: 1 })],
])("%s", async (_, text) => {
  const { code, stderr } = await merge(text);
  expect(stderr).toMatch(/^error: [^\n]*\n$/);
  expect(stderr).not.toContain("internal error");
  expect(code).toBe(1);
  const written = readdirSync(folder, { recursive: true }).map(String);
  expect(written.filter((path) => /evil|\.part$/.test(path))).toEqual([]);
});

test.each([50_000, 2_000_000])("results nested %i deep are refused", async (depth) => {
  const text = detect({}).replace(/\}$/, `,"videos":[{"x":${"[".repeat(depth)}${"]".repeat(depth)}}]}`);
  const { stderr } = await merge(text, "out.json");
  expect(stderr).toMatch(/^error: [^\n]*is nested more than 1000 deep[^\n]*\n$/);
});

describe("links to files elsewhere are not followed", () => {
  const secret = join(folder, "secret.json");
  writeFileSync(secret, '[{"secret":1}]');

  test.each<[string, (folder: string) => void]>([
    [
      "COCO's results",
      (own) => {
        const shard = join(own, "shard-00000-of-00001");
        mkdirSync(shard);
        writeFileSync(join(shard, "results.json"), detect({ savedTo: shard }));
        symlinkSync(secret, join(shard, "m_predictions.json"));
      },
    ],
    [
      "a label file",
      (own) => {
        mkdirSync(join(own, "labels"));
        writeFileSync(join(own, "labels", "a.txt"), "0 0.5 0.5 0.1 0.1\n");
        symlinkSync(secret, join(own, "labels", "b.txt"));
      },
    ],
    ["a folder of labels", (own) => symlinkSync(deep, join(own, "labels"))],
  ])("%s", async (name, make) => {
    const own = join(folder, `links: ${name}`);
    mkdirSync(own);
    make(own);
    const { code, stderr } = await cli(["merge", own, "--output", join(folder, `joined: ${name}`)]);
    expect(stderr).toMatch(/^error: [^\n]*leads out of the shard's folder[^\n]*\n$/);
    expect(code).toBe(1);
    expect(existsSync(join(folder, `joined: ${name}`))).toBe(false);
  });
});

/** As a file says, not as its square: many videos, and many files to look for them in. */
test("many videos in many files are merged in linear time", async () => {
  const own = join(folder, "many videos");
  mkdirSync(own);
  const names = Array.from({ length: 1000 }, (_, i) => `${i}.mp4`);
  const places = [{ folder: "", ending: ".mp4" }];
  const text = detect({
    savedTo: "/moved/since",
    files: names.map((file) => ({ name: file.slice(0, -4), stem: file.slice(0, -4), places, files: [file] })),
    videos: Array.from({ length: 100_000 }, (_, i) => ({ savedTo: `/there/${i}.mp4` })),
  });
  mkdirSync(join(own, "shard-00000-of-00001"));
  for (const name of names) writeFileSync(join(own, "shard-00000-of-00001", name), "");
  writeFileSync(join(own, "shard-00000-of-00001", "results.json"), text);
  const before = process.cpuUsage().user;
  const target = join(folder, "joined videos");
  const { code, stderr } = await cli(["merge", own, "--output", target]);
  expect(code, stderr).toBe(0);
  expect(process.cpuUsage().user - before).toBeLessThan(MAX_SECONDS * slowness() * 1e6);
  const { videos } = JSON.parse(readFileSync(join(target, "results.json"), "utf8")) as {
    videos: { savedTo: string }[];
  };
  expect(videos[999].savedTo).toBe(join(target, "999.mp4"));
  expect(videos[1000].savedTo).toBe("/there/1000.mp4");
});

test.skipIf(process.platform === "win32")("pipes and devices are refused, because they may never end", async () => {
  const [pipe, labels] = [join(deep, "pipe.json"), join(folder, "labels")];
  mkdirSync(labels);
  execFileSync("mkfifo", [pipe, join(labels, "a.txt")]);
  for (const path of [pipe, "/dev/zero", labels]) {
    const { stderr } = await cli(["merge", path, "--output", join(folder, "never")]);
    expect(stderr).toMatch(/^error: [^\n]*is a pipe or a device, not a file[^\n]*\n$/);
  }
});

test.each<[string, (source: string) => string[]]>([
  ["label files", (source) => [source, "--output", join(folder, "interrupted")]],
  ["results", (source) => [join(source, "r.json"), "--output", join(folder, "interrupted.json")]],
])("Ctrl-C ends merging %s", async (name, argv) => {
  const source = join(folder, `many ${name}`);
  mkdirSync(source);
  for (let i = 0; i < 300; i++) writeFileSync(join(source, `${i}.txt`), "0 0.5 0.5 0.1 0.1\n");
  if (name === "results")
    writeFileSync(join(source, "r.json"), detect({ images: Array(100_000).fill({ source: "a" }) }));
  const controller = new AbortController();
  setImmediate(() => controller.abort());
  const { code, stderr } = await cli(["merge", ...argv(source)], { signal: controller.signal });
  expect(stderr).toBe("interrupted\n");
  expect(code).toBe(130);
  expect(existsSync(join(folder, "interrupted.json"))).toBe(false);
});

describe.skipIf(process.platform === "win32")("results into a pipe", () => {
  test.each([
    ["--output", "p1"],
    ["--json", "p2"],
  ])("%s: its reader gets them, and nothing replaces the pipe", async (flag, name) => {
    const pipe = join(folder, name);
    execFileSync("mkfifo", [pipe]);
    const source = join(folder, `${name}.json`);
    writeFileSync(source, detect({}));
    const reading = readFile(pipe, "utf8");
    const { code, stderr } = await cli(["merge", source, flag, pipe]);
    expect(code, stderr).toBe(0);
    expect(JSON.parse(await reading)).toMatchObject({ images: [{ source: "a.jpg" }] });
    expect(lstatSync(pipe).isFIFO()).toBe(true);
  });

  test("without a reader: Ctrl-C is heard", async () => {
    const pipe = join(folder, "unread");
    execFileSync("mkfifo", [pipe]);
    const source = join(folder, "unread.json");
    writeFileSync(source, detect({}));
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 300);
    const { stderr } = await cli(["merge", source, "--output", pipe], { signal: controller.signal });
    expect(stderr).toMatch(/has no reader; start its reader first\n$/);
  });

  test("--json names a file, whatever its ending", async () => {
    const source = join(folder, "ending.json");
    writeFileSync(source, detect({}));
    const { code, stderr } = await cli(["merge", source, "--json", join(folder, "ending.txt")]);
    expect(code, stderr).toBe(0);
    expect(JSON.parse(readFileSync(join(folder, "ending.txt"), "utf8"))).toHaveProperty("images");
  });
});
