/** Data sets of which no picture is left: a failure in one line, not a row of zeros. */

import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { evaluateClassification } from "../../src/eval/classification.js";
import { encodePng } from "../../src/image/index.js";
import { cli, scratchFolder, TINY } from "../cli/support.js";

const folder = await scratchFolder();
const GREY = encodePng({ width: 32, height: 32, data: new Uint8Array(32 * 32 * 3).fill(128) });

async function dataset(name: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  for (const [file, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name, file)), { recursive: true });
    await writeFile(join(folder, name, file), content);
  }
  return join(folder, name);
}

const ON_RANDOM = ["--weights", "random:yolov5n", "--backend", "cpu"] as const;
const lastLine = (text: string): string => text.trimEnd().split("\n").at(-1) ?? "";
/** The header is whole, so that the picture counts until it is decoded. */
const cut = GREY.subarray(0, 50);

test("val fails if all labels are in pixels, all pictures are truncated, or both", async () => {
  const sets = [
    await dataset("pixels", { "images/a.png": GREY, "labels/a.txt": "0 12 12 4 4\n" }),
    await dataset("cut", { "images/a.png": cut }),
    await dataset("both", { "images/a.png": cut, "images/b.png": GREY, "labels/b.txt": "0 12 12 4 4\n" }),
  ];
  for (const [i, data] of sets.entries()) {
    const { code, stdout, stderr } = await cli(["val", "--data", data, "--noplots", "--json", "-", "--quiet", ...TINY]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(lastLine(stderr)).toContain(`error: ${data}: all ${i === 2 ? 2 : 1} pictures are left out`);
  }
});

test("classification fails if no picture can be decoded", async () => {
  const sample = { name: "a.png", class: 0, load: () => Promise.reject(new Error("a.png: damaged")) };
  const model = { info: { task: "classify" } } as Parameters<typeof evaluateClassification>[0];
  await expect(evaluateClassification(model, [sample, sample])).rejects.toThrow(
    /all 2 pictures are left out.*a\.png: damaged/,
  );
});

test("calibration fails if no picture can be decoded", async () => {
  const data = await dataset("calibration", { "a.png": cut, "b.png": "text" });
  const output = join(folder, "int8.safetensors");
  const { code, stderr } = await cli(["export", "--int8", "--data", data, "--output", output, ...ON_RANDOM]);
  expect(code, stderr).toBe(1);
  expect(lastLine(stderr)).toContain(`error: --data ${data}: all 2 pictures are left out`);
});

test("compress fails if no picture is left", async () => {
  const data = await dataset("compress", { "images/a.png": GREY, "labels/a.txt": "0 12 12 4 4\n" });
  const { code, stderr } = await cli(["compress", "--data", data, "--prune", "0.1", ...ON_RANDOM, "--imgsz", "64"]);
  expect(code, stderr).toBe(1);
  expect(lastLine(stderr)).toContain(`error: ${data}: all 1 pictures are left out`);
});
