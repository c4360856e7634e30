/** What never ends, and numbers beyond reason, through the command line: one sentence, within 5 s of processor time and 1 GB. */

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type HostTensor, tensor } from "../../src/tensor/index.js";
import { writeSafetensors } from "../../src/weights/index.js";
import { EXAMPLE, scratchFolder } from "../cli/support.js";
import { conv, list, modelFile } from "../weights/hostileFiles.js";
import { int, moduleOps, tensorOps, text } from "../weights/support.js";
import { expectOneSentence, limited, notBuilt } from "./limited.js";

const folder = await scratchFolder();
const TINY = ["--backend", "wasm", "--imgsz", "64", "--nosave"] as const;

function model(name: string, file: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, file);
  return path;
}

describe.skipIf(notBuilt || process.platform === "win32")("files that never end", { timeout: 600_000 }, () => {
  test.each(["/dev/zero", "fifo"])("--weights %s", async (name) => {
    if (name === "fifo") execFileSync("mkfifo", [join(folder, "fifo")]);
    expectOneSentence(await limited(["info", "--weights", name], folder), name);
  });

  test("in a folder do not keep a picture from being read", async () => {
    mkdirSync(join(folder, "in"));
    cpSync(EXAMPLE, join(folder, "in", "z.png"));
    symlinkSync("/dev/zero", join(folder, "in", "a.jpg"));
    execFileSync("mkfifo", [join(folder, "in", "b.jpg")]);
    for (const source of ["in", "in/*.*"]) {
      const { stdout } = await limited(["detect", "--source", source, ...TINY], folder);
      expect(stdout).toContain("z.png");
    }
    writeFileSync(join(folder, "list.txt"), "in/a.jpg\nin/b.jpg\nfile://host/x\nfile:///%zz\nin/z.png\n");
    const { stdout, stderr } = await limited(["detect", "--source", "list.txt", ...TINY], folder);
    expect(stdout).toContain("z.png");
    expect(stderr).not.toContain("internal error");
  });
});

/** SPPF whose pool is an SPPF, and so on: each level applies the one below three times. */
function nestedTree(depth: number): Uint8Array {
  const conv2d = { t: "torch.nn.Conv2d" };
  const below = (left: number): object =>
    left === 0
      ? { t: "torch.nn.MaxPool2d" }
      : { t: "models.common.SPPF", c: { cv1: conv2d, cv2: conv2d, m: below(left - 1) } };
  const layers = {
    0: below(depth),
    1: { t: "models.yolo.Detect", c: { m: { t: "torch.nn.ModuleList", c: { 0: conv2d } } } },
  };
  const modules = { t: "models.yolo.Model", c: { model: { t: "torch.nn.Sequential", c: layers } } };
  const weights = new Map<string, HostTensor>([
    ["model.1.anchors", tensor("float32", [1, 1, 2], new Float32Array([1, 1]))],
  ]);
  let path = "model.0";
  for (let i = 0; i < depth; i++, path += ".m") {
    weights.set(`${path}.cv1.weight`, tensor("float32", [1, 3, 1, 1], new Float32Array(3)));
    weights.set(`${path}.cv2.weight`, tensor("float32", [3, 4, 1, 1], new Float32Array(12)));
  }
  return writeSafetensors(weights, new Map([["modules", JSON.stringify(modules)]]));
}

describe.skipIf(notBuilt)("unreasonable numbers", { timeout: 600_000 }, () => {
  test.each([
    ["--imgsz", "16384"],
    ["--threads", "1000000"],
  ])("detect %s %s", async (...option) => {
    const ended = await limited(["detect", "--source", EXAMPLE, "--backend", "wasm", "--nosave", ...option], folder);
    if (ended.code !== 0) expectOneSentence(ended, "");
  });

  // A weight of 30 million rows is one number, with strides of 0.
  const classes = tensorOps("0", 65536, 0, [30_000_006, 8, 1, 1], [0, 0, 0, 0]);
  test.each<[string, () => Uint8Array]>([
    ["classes", () => modelFile({ map: moduleOps("torch.nn.Conv2d", {}, { weight: classes }) })],
    ["modules in a safetensors file", () => nestedTree(20)],
    ["stride", () => modelFile({ head: { stride: list([int(16384)]) } })],
    [
      "transposed",
      () => modelFile({ layers: [conv([8, 8, 2, 2], { stride: int(1000) }, "torch.nn.ConvTranspose2d")] }),
    ],
  ])("a model's %s", async (name, make) => {
    const path = model(`${name}.pt`, make());
    expectOneSentence(await limited(["detect", "--weights", path, "--source", EXAMPLE, ...TINY], folder), path);
  });
});

describe.skipIf(notBuilt)("class names", { timeout: 600_000 }, () => {
  test.each([
    ["dots", ".".repeat(100_000)],
    ["blanks", " ".repeat(400_000)],
    ["letters", "n".repeat(1_000_000)],
  ])("of many %s", async (name, className) => {
    const path = model(`${name}.pt`, modelFile({ model: { names: list([text(className)]) } }));
    const out = [
      "--conf-thres",
      "0.001",
      "--max-det",
      "3",
      "--save-crop",
      "--save-txt",
      "--json",
      "out.json",
      "--project",
      name,
    ];
    const ended = await limited(
      ["detect", "--weights", path, "--source", EXAMPLE, "--backend", "wasm", "--imgsz", "64", ...out],
      folder,
    );
    expect(ended.code, ended.stderr).toBe(0);
    expect(ended.stdout.length).toBeLessThan(50_000);
  });
});
