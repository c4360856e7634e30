/** `detect` in shards, and `merge`: JSON and files of one process, byte for byte. */

import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { cli, EXAMPLE, FAST, fixture, scratchFolder } from "../support.js";

const folder = await scratchFolder();
const path = (...parts: string[]): string => join(folder, ...parts);
const SHARDS = 4;

/** Files below a folder with their content. */
function filesOf(root: string): Record<string, string> {
  const names = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = names.map(({ parentPath, name }) => join(parentPath, name)).sort();
  return Object.fromEntries(paths.map((file) => [file.slice(root.length + 1), readFileSync(file, "base64")]));
}

const text = (file: string): string => readFileSync(file, "utf8");
const list = (): string => path("list.txt");
const detect = (...argv: string[]): readonly string[] => ["detect", "--source", list(), ...FAST, "--quiet", ...argv];
const shard = (index: number, ...argv: string[]) =>
  cli(detect("--shard", `${index}/${SHARDS}`, "--project", path("run"), ...argv));

beforeAll(() => {
  const sources: string[] = [];
  for (let i = 0; i < 11; i++) {
    // Two of each name, in folders of their own.
    const own = path("pictures", `${i % 2}`);
    mkdirSync(own, { recursive: true });
    const picture = join(own, `p${i >> 1}.png`);
    copyFileSync(i % 4 === 1 ? fixture("picture.png") : EXAMPLE, picture);
    sources.push(picture);
  }
  writeFileSync(path("pictures", "broken.png"), "no picture");
  writeFileSync(
    path("list.txt"),
    [...sources.slice(0, 5), path("pictures", "broken.png"), ...sources.slice(5)].join("\n"),
  );
});

beforeEach(() => rmSync(path("run"), { recursive: true, force: true }));

describe("detect in shards", () => {
  it("and merge give the results.json, pictures, labels and crops of one process", async () => {
    const files = ["--save-txt", "--save-conf", "--save-crop", "--no-speed"];
    const one = await cli(
      detect(...files, "--project", path("run"), "--name", "one", "--json", path("run", "one.json")),
    );
    expect(one.code).toBe(1);
    for (const index of [3, 0, 2, 1, 2]) expect((await shard(index, ...files)).code).toBe(index === 1 ? 1 : 0);
    const root = path("run", "exp");
    expect(readdirSync(root)).toEqual([0, 1, 2, 3].map((index) => `shard-0000${index}-of-00004`));

    const joined = path("run", "joined");
    const outcome = await cli(["merge", root, "--output", joined]);
    expect(outcome).toMatchObject({ code: 0, stderr: "" });
    expect(outcome.stdout).toContain("4 shards, 12 results, 1 of them failed\n");
    const { "results.json": results, ...merged } = filesOf(joined);
    expect(merged).toEqual(filesOf(path("run", "one")));
    expect(Object.keys(merged)).toEqual(
      expect.arrayContaining(["labels/p0.txt", "labels/p1_2.txt", "p0.png", "p0_2.png"]),
    );
    const place = JSON.stringify(joined);
    const whole = text(path("run", "one.json")).replace(JSON.stringify(path("run", "one")), place);
    expect(Buffer.from(results, "base64").toString()).toBe(whole);
  });

  it.each([
    ["masks", "seg.pt"],
    ["keypoints", "11-pose.pt"],
  ])("of %s and merge give the JSON and labels of one process", async (field, weights) => {
    const model = ["--weights", fixture(weights), "--backend", "wasm", "--imgsz", "64", "--conf-thres", "0.001"];
    const argv = ["detect", "--source", path("pictures", "*", "*.png"), ...model, "--max-det", "3", "--quiet"];
    const files = ["--save-txt", "--nosave", "--no-speed", "--project", path("run")];
    const one = await cli([...argv, ...files, "--name", "one", "--json", path("one.json")]);
    expect(one).toMatchObject({ code: 0, stderr: "" });
    for (const index of [1, 0, 2]) expect((await cli([...argv, ...files, "--shard", `${index}/3`])).code).toBe(0);
    const joined = path("run", "joined");
    expect((await cli(["merge", path("run", "exp"), "--output", joined, "--quiet"])).code).toBe(0);
    const { "results.json": results, ...labels } = filesOf(joined);
    expect(labels).toEqual(filesOf(path("run", "one")));
    const whole = text(path("one.json")).replace(JSON.stringify(path("run", "one")), JSON.stringify(joined));
    expect(Buffer.from(results, "base64").toString()).toBe(whole);
    expect(whole).toContain(field === "masks" ? '"mask":' : '"keypoints":');
  });

  it("and merge into a file give its bytes, regardless of what --json wrote", async () => {
    await cli(detect("--nosave", "--no-speed", "--json", path("one.json")));
    for (let index = 0; index < SHARDS; index++) {
      await shard(index, "--nosave", "--no-speed", "--json", path("run", "{shard}.json"));
    }
    expect(readdirSync(path("run"))).toEqual([0, 1, 2, 3].map((index) => `0000${index}-of-00004.json`));
    expect((await cli(["merge", path("run"), "--output", path("merged.json")])).code).toBe(0);
    expect(text(path("merged.json"))).toBe(text(path("one.json")));
    const { stdout } = await cli(["merge", path("run"), "--json", "-"]);
    expect(stdout).toBe(text(path("one.json")));
  });

  it("a repeated shard has the same files, and nothing of an earlier try", async () => {
    const files = ["--save-txt", "--no-speed"];
    await shard(0, ...files, "--conf-thres", "0.01");
    await shard(0, ...files);
    const first = filesOf(path("run"));
    await shard(0, ...files);
    expect(filesOf(path("run"))).toEqual(first);
  });

  it("an interrupted shard leaves nothing behind", async () => {
    const stop = new AbortController();
    const onStdout = (): void => stop.abort();
    const argv = detect("--shard", "0/2", "--project", path("run"), "--save-txt").filter((word) => word !== "--quiet");
    expect((await cli(argv, { signal: stop.signal, onStdout })).code).toBe(130);
    expect(existsSync(path("run")) ? readdirSync(path("run"), { recursive: true }) : []).toEqual(
      existsSync(path("run", "exp")) ? ["exp"] : [],
    );
  });

  it("with more shards than pictures, shards without pictures are done too", async () => {
    const argv = detect("--project", path("run"), "--nosave", "--no-speed");
    for (let index = 0; index < 15; index++) await cli([...argv, "--shard", `${index}/15`]);
    await cli(detect("--nosave", "--no-speed", "--json", path("one.json")));
    await cli(["merge", path("run", "exp"), "--output", path("merged.json")]);
    expect(text(path("merged.json"))).toBe(text(path("one.json")));
  });
});

describe("under a scheduler", () => {
  const env = { SLURM_ARRAY_TASK_ID: "1", SLURM_ARRAY_TASK_COUNT: "4" };

  it("one command line gives each shard its own files", async () => {
    const argv = detect("--project", path("run"), "--nosave", "--json", path("run", "out.json"));
    for (const id of ["0", "3"]) await cli(argv, { env: { ...env, SLURM_ARRAY_TASK_ID: id } });
    expect(readdirSync(path("run"))).toEqual(["out-00000-of-00004.json", "out-00003-of-00004.json"]);
  });

  it("prints its shard and the variable that named it", async () => {
    const argv = detect("--project", path("run"), "--nosave").filter((word) => word !== "--quiet");
    const { stdout } = await cli(argv, { env });
    expect(stdout).toContain("Shard:   1/4 (SLURM_ARRAY_TASK_ID=1)\n");
  });
});

describe("--resume", () => {
  const loud = (...argv: string[]) => detect("--project", path("run"), ...argv).filter((word) => word !== "--quiet");

  it("skips a shard that is done, with its exit code", async () => {
    for (const [index, code] of [
      [0, 0],
      [1, 1],
    ]) {
      const argv = loud("--shard", `${index}/4`, "--nosave", "--resume");
      expect((await cli(argv)).code).toBe(code);
      const again = await cli(argv);
      expect(again.code).toBe(code);
      expect(again.stdout).toContain(`Shard ${index}/4 is done${code === 0 ? "" : ", with 1 that failed"}: `);
      expect(again.stdout).not.toContain("image 1/");
    }
  });

  it.each([
    ["other options", ["--conf-thres", "0.5"]],
    ["another number of shards", ["--shard", "0/3"]],
    ["other weights", ["--weights", fixture("assorted.pt")]],
  ])("%s: does it again", async (_, argv) => {
    await cli(loud("--shard", "0/4", "--nosave"));
    const again = await cli(loud("--shard", "0/4", "--nosave", "--resume", ...argv));
    expect(again.stdout).toContain("image 1/");
  });

  it("another list: does it again", async () => {
    await cli(loud("--shard", "0/4", "--nosave"));
    const again = await cli([
      ...loud("--shard", "0/4", "--nosave", "--resume"),
      "--source",
      EXAMPLE,
      EXAMPLE,
      EXAMPLE,
      EXAMPLE,
    ]);
    expect(again.stdout).toContain("image 1/");
  });

  it("does not depend on the threads and backend", async () => {
    await cli(loud("--shard", "0/4", "--nosave"));
    const again = await cli(loud("--shard", "0/4", "--nosave", "--resume", "--threads", "2", "--backend", "wasm"));
    expect(again.stdout).toContain("Shard 0/4 is done");
  });
});

describe("options that exclude each other", () => {
  it.each([
    [["--resume"], "--resume skips shards that are done; give --shard i/n"],
    [["--shard", "0/2", "--ndjson", "x.ndjson"], "--ndjson is not available with shards"],
    [["--shard", "0/2", "--track"], "--track needs all pictures in order, which shards split up"],
    [["--shard", "/2"], "--shard /2: which one?"],
    [["--shard", "2/2"], "Shards count from 0: the first is 0/2, the last 1/2."],
    [["--shard", "0/2", "--resume", "--json", "-"], "--resume needs a file to look into"],
  ])("%j", async (argv, message) => {
    const { code, stderr } = await cli(detect("--project", path("run"), "--nosave", ...argv));
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });

  it("two shards in one file are refused", async () => {
    const json = ["--nosave", "--json", path("run", "out.json")];
    await shard(0, ...json);
    const { code, stderr } = await shard(1, ...json);
    expect(stderr).toContain("holds shard 0/4; give each shard a file of its own, for example --json out-{shard}.json");
    expect(code).toBe(1);
  });
});
