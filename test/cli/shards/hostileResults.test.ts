/** `merge` of results that come from strangers: nothing outside its folder is written or read, and one sentence says why. */

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
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

test("what is nested too deeply to be written", async () => {
  const text = detect({}).replace(/\}$/, `,"videos":[{"x":${"[".repeat(50_000)}${"]".repeat(50_000)}}]}`);
  const { stderr } = await merge(text, "out.json");
  expect(stderr).toMatch(/^error: [^\n]*asks for more than can be joined[^\n]*\n$/);
});

test.skipIf(process.platform === "win32")("pipes and devices, which never end", async () => {
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
])("Ctrl-C while merging %s", async (name, argv) => {
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
