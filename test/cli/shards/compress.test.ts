/** `compress` in shards, and `merge`: the figures of one process, to the last digit, and one file. */

import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { encodePng } from "../../../src/image/index.js";
import { cli, EXAMPLE, FAST, scratchFolder } from "../support.js";

const folder = await scratchFolder();
const path = (...parts: string[]): string => join(folder, ...parts);
const compress = (...argv: string[]) =>
  cli([
    ...[
      "compress",
      "--weights",
      "codes",
      "--data",
      path("data"),
      "--backend",
      "wasm",
      "--threads",
      "1",
      "--imgsz",
      "192",
    ],
    ...["--half", "--iterations", "1", "--quiet", ...argv],
  ]);

interface Results {
  readonly images: number;
  readonly rows: readonly { readonly map50: number; readonly latency: object }[];
}
const read = (name: string): Results => JSON.parse(readFileSync(path(name), "utf8")) as Results;
/** Times differ. */
const figures = ({ rows, ...json }: Results) => ({ ...json, rows: rows.map(({ latency: _, ...row }) => row) });

beforeAll(async () => {
  for (const part of ["images", "labels"]) mkdirSync(path("data", part), { recursive: true });
  await cli(["detect", "--source", EXAMPLE, ...FAST, "--save-txt", "--nosave", "--project", path("found"), "--quiet"]);
  // More than a batch of 32, with something to find in two of them.
  for (let i = 0; i < 38; i++) {
    const picture = path("data", "images", `${i}.png`);
    const grey = { width: 64, height: 40 + i, data: new Uint8Array(64 * (40 + i) * 3).fill(128) };
    if (i % 10 > 0) writeFileSync(picture, encodePng(grey));
    else {
      copyFileSync(EXAMPLE, picture);
      copyFileSync(path("found", "exp", "labels", "codes.txt"), path("data", "labels", `${i}.txt`));
    }
  }
});

describe("compress in shards and merge", () => {
  it("give the figures of one process, and write the file once", async () => {
    expect(await compress("--json", path("one.json"), "--output", path("one.safetensors"))).toMatchObject({ code: 0 });
    for (const index of [1, 2, 0]) {
      const file = path(`half-${index}.safetensors`);
      const own = await compress("--shard", `${index}/3`, "--json", path("{shard}.json"), "--output", file);
      expect(own).toMatchObject({ code: 0, stderr: "" });
      expect(existsSync(file)).toBe(index === 0);
    }
    expect(readFileSync(path("half-0.safetensors"))).toEqual(readFileSync(path("one.safetensors")));
    const parts = [0, 1, 2].map((index) => path(`0000${index}-of-00003.json`));
    const merged = await cli(["merge", ...parts, "--output", path("merged.json")]);
    expect(merged).toMatchObject({ code: 0, stderr: "" });
    expect(merged.stdout).toMatch(/^\s*step .*mAP50-95[\s\S]*3 shards of compress\nResults saved to /);
    const one = figures(read("one.json"));
    const name = JSON.stringify(path("one.safetensors"));
    expect(JSON.stringify(figures(read("merged.json")))).toBe(
      JSON.stringify(one).replace(name, JSON.stringify(path("half-0.safetensors"))),
    );
    expect(one).toMatchObject({ images: 38, rows: [{}, { name: "+ float16" }] });
    expect(read("one.json").rows[0].map50).toBeGreaterThan(0);
    const again = await compress("--shard", "1/3", "--json", path("{shard}.json"), "--resume");
    expect(again).toMatchObject({ code: 0, stderr: "" });
  });

  it.each([
    [["--max-drop", "2", "--json", "x.json"], "--max-drop needs the figures of all pictures"],
    [["--report", "x.html", "--json", "x.json"], "--report shows a whole run, which a shard is not; leave it out"],
    [["--json", "-"], "--shard needs --json FILE here"],
    [[], "--shard needs --json FILE here"],
  ])("%j is refused", async (argv, message) => {
    const { code, stderr } = await compress("--shard", "0/2", ...argv);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
  });
});
