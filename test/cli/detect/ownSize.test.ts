/** The input size that a file says it was made for: shown, mentioned where another one is used, kept through exports. */

import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { load } from "../../../src/node.js";
import type { Checkpoint, PlainValue } from "../../../src/weights/index.js";
import { readSafetensors, writeSafetensors } from "../../../src/weights/index.js";
import { statedSizes } from "../../../src/yolov5/checkpoint/modelSize.js";
import { cli, EXAMPLE, fixture, scratchFolder } from "../support.js";

const folder = await scratchFolder();
const path = (name: string): string => join(folder, name);
const FAST = ["--backend", "wasm", "--threads", "1"];

/** A fixture as safetensors with more facts. */
async function withFacts(from: string, to: string, facts: Readonly<Record<string, string>>): Promise<string> {
  const plain = path(`plain-${to}`);
  await cli(["export", "--weights", from, "--output", plain, "--quiet"]);
  const { tensors, metadata } = readSafetensors(await readFile(plain));
  await writeFile(path(to), writeSafetensors(tensors, new Map([...metadata, ...Object.entries(facts)])));
  return path(to);
}

test.each<[string, Record<string, PlainValue>, readonly number[] | undefined, readonly number[] | undefined]>([
  ["YOLOv5's opt", { opt: new Map([["imgsz", 320]]) }, [320, 320], undefined],
  [
    "a pickled Namespace",
    { opt: { kind: "opaque", className: "argparse.Namespace", args: [], state: new Map([["imgsz", 416]]) } },
    [416, 416],
    undefined,
  ],
  ["two sides, as big integers", { opt: new Map([["imgsz", [384n, 640n]]]) }, [384, 640], undefined],
  ["others' names", { train_args: new Map([["imgsz", 512]]) }, [512, 512], undefined],
  [
    "an exported file, calibrated",
    { imgsz: [320, 320], int8: new Map([["imgsz", [256, 256]]]) },
    [320, 320],
    [256, 256],
  ],
  ["nothing", { epoch: 3 }, undefined, undefined],
  ["no sizes", { imgsz: -1, opt: new Map([["imgsz", "640"]]), args: new Map([["imgsz", 1e9]]) }, undefined, undefined],
  [
    "neither",
    { imgsz: [640, 0], opt: new Map([["imgsz", [1, 2, 3]]]), args: null, int8: "none" },
    undefined,
    undefined,
  ],
])("%s", (_, extra, trained, calibrated) => {
  const checkpoint: Checkpoint = { format: "pytorch-zip", extra: new Map(Object.entries(extra)) };
  expect(statedSizes(checkpoint)).toEqual({ ...(trained && { trained }), ...(calibrated && { calibrated }) });
});

describe("a model that was trained at 96", () => {
  let weights = "";
  let data = "";
  beforeAll(async () => {
    weights = await withFacts("codes", "trained.safetensors", { imgsz: "96" });
    data = path("data");
    await mkdir(join(data, "images"), { recursive: true });
    await mkdir(join(data, "labels"), { recursive: true });
    await copyFile(EXAMPLE, join(data, "images", "codes.png"));
    await writeFile(join(data, "labels", "codes.txt"), "0 0.2 0.6 0.2 0.2\n");
  });

  test("info shows the size as text and JSON", async () => {
    expect((await cli(["info", "--weights", weights])).stdout).toMatch(/^trained at +96×96$/m);
    const facts = JSON.parse((await cli(["info", "--weights", weights, "--json", "-", "--quiet"])).stdout);
    expect(facts).toMatchObject({ ownImgsz: [96, 96], imgsz: [640, 640] });
    const none = JSON.parse((await cli(["info", "--json", "-", "--quiet"])).stdout);
    expect(none.ownImgsz).toBeNull();
  });

  test("detect and val say in one line that another size is used", async () => {
    for (const command of [
      ["detect", "--source", EXAMPLE, "--nosave"],
      ["val", "--data", data, "--noplots"],
    ]) {
      const other = await cli([...command, "--weights", weights, "--imgsz", "128", ...FAST]);
      expect(other.code).toBe(0);
      expect(
        other.stdout.match(/^note: .*trained\.safetensors was trained at 96, this run uses 128; --imgsz 96/gm),
      ).toHaveLength(1);
      const same = await cli([...command, "--weights", weights, "--imgsz", "96", ...FAST]);
      expect(same.stdout).not.toContain("was trained at");
      const quiet = await cli([...command, "--weights", weights, "--imgsz", "128", "--quiet", ...FAST]);
      expect([quiet.stdout, quiet.stderr]).toEqual(["", ""]);
    }
  });

  test("the default stays detect.py's 640, and a line says how to change it", async () => {
    const { stdout } = await cli(["detect", "--weights", weights, "--source", EXAMPLE, "--nosave", ...FAST]);
    expect(stdout).toMatch(/trained at 96, this run uses 640; --imgsz 96 may find more/);
    expect(stdout).toMatch(/at shape \(1, 3, 640, 640\)$/m);
  });

  test("int8 runs at the size of its calibration, keeps it through exports, and --imgsz overrides it", async () => {
    const int8 = path("int8.safetensors");
    const argv = ["export", "--weights", weights, "--int8", "--data", join(data, "images"), "--imgsz", "160"];
    const made = await cli([...argv, "--output", int8, ...FAST]);
    expect(made.stdout).toMatch(/was trained at 96, this run uses 160/);
    const again = path("int8-again.safetensors");
    expect((await cli(["export", "--weights", int8, "--output", again])).code).toBe(0);
    for (const file of [int8, again]) {
      expect((await cli(["info", "--weights", file])).stdout).toMatch(/^calibrated for +160×160$/m);
      const run = await cli(["detect", "--weights", file, "--source", EXAMPLE, "--nosave", ...FAST]);
      expect(run.stdout).toMatch(/at shape \(1, 3, 160, 160\)$/m);
      expect(run.stdout).not.toContain("note:");
    }
    const val = await cli(["val", "--weights", int8, "--data", data, "--noplots", ...FAST]);
    expect(val.stdout).toMatch(/at shape \(1, 3, 160, 160\)$/m);
    const wanted = await cli(["detect", "--weights", int8, "--source", EXAMPLE, "--nosave", "--imgsz", "64", ...FAST]);
    expect(wanted.stdout).toMatch(/calibrated for 160, this run uses 64/);
    expect(wanted.stdout).toMatch(/at shape \(1, 3, 64, 64\)$/m);
    const model = await load(int8, { backend: "wasm", threads: 1 });
    expect(model.info).toMatchObject({ imgsz: [160, 160], defaultImgsz: [160, 160] });
    expect((await model.detect(EXAMPLE, { square: true })).input).toEqual([1, 3, 160, 160]);
    model.dispose();
  });

  test("compress --int8 writes the size as well", async () => {
    const target = path("compressed.safetensors");
    const argv = ["compress", "--weights", weights, "--data", data, "--int8", "--imgsz", "96", "--iterations", "1"];
    expect((await cli([...argv, "--output", target, ...FAST])).code).toBe(0);
    const facts = JSON.parse((await cli(["info", "--weights", target, "--json", "-", "--quiet"])).stdout);
    expect(facts.ownImgsz).toEqual([96, 96]);
    expect(facts.notes.int8).toMatch(/^\d+ convolutions; calibration percentile, pictures 1$/);
  });
});

test("a classification model", async () => {
  const weights = await withFacts(fixture("cls.pt"), "cls.safetensors", { imgsz: "64" });
  const argv = ["detect", "--weights", weights, "--source", EXAMPLE, "--nosave", ...FAST];
  expect((await cli(argv)).stdout).toMatch(/trained at 64, this run uses 224/);
  expect((await cli([...argv, "--imgsz", "64"])).stdout).not.toContain("trained at");
});
