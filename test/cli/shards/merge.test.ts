/** What `merge` refuses, and label files without results. */

import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { cli, EXAMPLE, FAST, fixture, scratchFolder } from "../support.js";

const folder = await scratchFolder();
const path = (...parts: string[]): string => join(folder, ...parts);
const merge = (...argv: string[]) => cli(["merge", ...argv]);

beforeAll(async () => {
  const detect = ["detect", "--source", EXAMPLE, fixture("picture.png"), EXAMPLE, ...FAST, "--nosave", "--quiet"];
  for (let i = 0; i < 3; i++) {
    await cli([...detect, "--shard", `${i}/3`, "--project", path("run")]);
    await cli([...detect, "--shard", `${i}/3`, "--json", path(`conf-${i}.json`), "--conf-thres", "0.5"]);
  }
  await cli([...detect, "--json", path("whole.json")]);
  mkdirSync(path("data", "images"), { recursive: true });
  mkdirSync(path("data", "labels"));
  copyFileSync(EXAMPLE, path("data", "images", "a.png"));
  writeFileSync(path("data", "labels", "a.txt"), "0 0.5 0.5 0.4 0.4\n");
  const val = ["val", "--data", path("data"), ...FAST, "--noplots", "--quiet"];
  await cli([...val, "--json", path("val.json")]);
  await cli([...val, "--json", path("val-0.json"), "--shard", "0/1"]);
});

describe("merge", () => {
  const shards = (...of: number[]) => of.map((i) => path("run", "exp", `shard-0000${i}-of-00003`));

  it("takes folders and files in any order, and twice", async () => {
    const [a, b, c] = shards(2, 0, 1);
    expect(await merge(a, b, join(c, "results.json"), b, "--output", path("m.json"), "--quiet")).toMatchObject({
      code: 0,
    });
    const { images } = JSON.parse(readFileSync(path("m.json"), "utf8")) as { images: { source: string }[] };
    expect(images.map(({ source }) => source)).toEqual([EXAMPLE, fixture("picture.png"), EXAMPLE]);
  });

  it("joins results without shards, in the order given", async () => {
    expect((await merge(path("whole.json"), path("whole.json"), "--output", path("two.json"))).code).toBe(0);
    const { images } = JSON.parse(readFileSync(path("two.json"), "utf8")) as { images: unknown[] };
    expect(images).toHaveLength(6);
  });

  it.each([
    [
      "shards that are missing",
      () => shards(1),
      "shards 0, 2 of 3 are missing; run the command again with --shard 0/3",
    ],
    ["one that is missing", () => shards(0, 2), "shard 1 of 3 is missing"],
    ["shards of another run", () => [...shards(0, 1), path("conf-2.json")], "belongs to a different run than"],
    ["a whole run beside shards", () => [...shards(0), path("whole.json")], "is not a shard, unlike"],
    ["figures without statistics", () => [path("val.json")], "holds no results that can be joined"],
    ["figures beside detections", () => [path("whole.json"), path("val-0.json")], "whole.json: is not a shard, unlike"],
    ["nothing there", () => [path("nowhere")], "nowhere: no such file or folder"],
    ["an empty folder", () => [path("data", "images")], "holds neither results of shards nor label files"],
    ["no JSON", () => [EXAMPLE], "is not JSON"],
  ])("refuses %s, and writes nothing", async (_, paths, message) => {
    const { code, stderr } = await merge(...paths(), "--output", path("refused.json"));
    expect(stderr).toContain(message);
    expect(stderr.split("\n")).toHaveLength(2);
    expect(code).toBe(1);
    expect(readdirSync(folder)).not.toContain("refused.json");
    expect(readdirSync(folder).filter((name) => name.endsWith(".part"))).toEqual([]);
  });

  it.each([
    ["no target", () => shards(0, 1, 2), "--output is missing"],
    ["the folder of the shards", () => [path("run", "exp"), "--output", path("run")], "is in it; give another folder"],
    ["a folder with files", () => [path("run", "exp"), "--output", path("data")], "is not empty; give a new folder"],
    ["an input", () => [path("whole.json"), "--output", path("whole.json")], "is what --source reads"],
  ])("refuses %s", async (_, argv, message) => {
    const { code, stderr } = await merge(...argv());
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });

  it("a truncated file of a shard is named", async () => {
    const cut = path("cut.json");
    writeFileSync(cut, readFileSync(join(shards(1)[0], "results.json"), "utf8").slice(0, 300));
    const { code, stderr } = await merge(...shards(0, 2), cut, "--output", path("refused.json"));
    expect(stderr).toContain(`${cut}: is not JSON`);
    expect(code).toBe(1);
  });
});

describe("folders of label files", () => {
  it("are joined, unless two different files have the same name", async () => {
    for (const [name, text] of [
      ["l0/a.txt", "1"],
      ["l0/b.txt", "2"],
      ["l1/labels/c.txt", "3"],
      ["l2/a.txt", "other"],
    ]) {
      mkdirSync(join(path(name), ".."), { recursive: true });
      writeFileSync(path(name), text);
    }
    expect((await merge(path("l0"), path("l1"), "--output", path("labels"))).code).toBe(0);
    expect(readdirSync(path("labels"))).toEqual(["a.txt", "b.txt", "c.txt"]);
    rmSync(path("labels"), { recursive: true });
    const { code, stderr } = await merge(path("l0"), path("l2"), "--output", path("labels"));
    expect(stderr).toContain("a file with the same name");
    expect(code).toBe(1);
  });
});
