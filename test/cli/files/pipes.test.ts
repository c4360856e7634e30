/** Pipes and devices where a file is wanted: one line in every command, never a wait; and the bound of pictures in every command. */

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readRegularFile } from "../../../src/node/files/regularFile.js";
import { load } from "../../../src/node.js";
import { rejection } from "../../node/server.js";
import { cli, EXAMPLE, fixture, scratchFolder, TINY } from "../support.js";

const folder = await scratchFolder();
const pipe = (name: string): string => {
  const path = join(folder, name);
  execFileSync("mkfifo", [path]);
  return path;
};
const CODES = ["--weights", "codes"] as const;

describe.skipIf(process.platform === "win32")("a pipe given as", () => {
  const weights = pipe("w.pt");
  const picture = pipe("a.jpg");
  const yaml = pipe("d.yaml");
  const list = pipe("l.txt");
  const reference = pipe("r.safetensors");
  const coco = pipe("c.json");
  test.each<readonly [string, readonly string[]]>([
    ["weights of detect", ["detect", "--weights", weights, "--source", EXAMPLE]],
    ["weights of info", ["info", "--weights", weights]],
    ["weights of val", ["val", "--weights", weights, "--data", folder]],
    ["weights of bench", ["bench", "--weights", weights, "--iterations", "1"]],
    ["weights of export", ["export", "--weights", weights]],
    ["weights of compress", ["compress", "--weights", weights, "--data", folder]],
    ["weights of verify", ["verify", "--weights", weights, "--reference", fixture("codes.layers.safetensors")]],
    ["further weights of compress", ["compress", ...CODES, "--data", folder, "--compare", weights]],
    ["reference of verify", ["verify", ...CODES, "--reference", reference]],
    ["cfg of info", ["info", ...CODES, "--cfg", yaml]],
    ["data of detect", ["detect", ...CODES, "--source", EXAMPLE, "--data", yaml]],
    ["data of val", ["val", ...CODES, "--data", yaml]],
    ["annotations of val", ["val", ...CODES, "--data", coco]],
    ["list of export", ["export", ...CODES, "--int8", "--data", list]],
    ["picture of detect", ["detect", ...CODES, "--source", picture, "--nosave"]],
    ["picture of bench", ["bench", ...CODES, "--source", picture, "--iterations", "1"]],
  ])("%s", { timeout: 60_000 }, async (_, argv) => {
    const { code, stderr } = await cli([...argv, "--backend", "cpu"]);
    const errors = stderr.split("\n").filter((line) => line.startsWith("error: "));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(/is a pipe or a device, not a file/);
    expect(code).toBe(1);
  });

  test("weights and pictures of the library", async () => {
    expect((await rejection(load(weights, { backend: "cpu" }))).message).toMatch(/is a pipe or a device/);
    const model = await load("codes", { backend: "cpu" });
    expect((await rejection(model.detect(picture))).message).toMatch(/is a pipe or a device/);
    model.dispose();
  });

  test("a device", async () => {
    for (const device of ["/dev/zero", "/dev/null"]) {
      expect(await rejection(readRegularFile(device))).toMatchObject({ code: "NOT_REGULAR" });
    }
  });
});

describe("--max-pixels", () => {
  const data = join(folder, "data");
  mkdirSync(join(data, "images"), { recursive: true });
  copyFileSync(EXAMPLE, join(data, "images", "a.png"));
  test.each<readonly [string, readonly string[]]>([
    ["detect", ["detect", "--source", EXAMPLE, "--nosave"]],
    ["val", ["val", "--data", data]],
    ["compress", ["compress", "--data", data, "--unstructured", "0.5"]],
    ["export", ["export", "--int8", "--data", join(data, "images"), "--output", join(folder, "x.safetensors")]],
    ["bench", ["bench", "--source", EXAMPLE, "--iterations", "1"]],
  ])("of %s limits what is read", { timeout: 60_000 }, async (_, [command, ...argv]) => {
    const { code, stderr } = await cli([command, ...CODES, ...argv, ...TINY, "--max-pixels", "1000"]);
    expect(stderr).toMatch(/above the limit of 1000 pixels; shrink it, or raise the limit \(--max-pixels/);
    expect(code).toBe(1);
  });

  test("of export limits calibration pictures", async () => {
    const { code, stderr } = await cli(["export", ...CODES, "--max-pixels", "1000"]);
    expect(stderr).toMatch(/^error: --max-pixels is a calibration option and needs --int8\n$/);
    expect(code).toBe(2);
  });
});
