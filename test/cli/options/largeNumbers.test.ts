/** Numbers beyond reason, given as options: refused in one line, before memory is taken for them. */

import { describe, expect, test } from "vitest";
import { LimitError, OptionError } from "../../../src/errors.js";
import { load } from "../../../src/node.js";
import { rejection } from "../../node/server.js";
import { cli, fixture } from "../support.js";

const SOURCE = fixture("picture.png");

describe("refused as usage errors", () => {
  const cases: readonly (readonly string[])[] = [
    ["detect", "--source", SOURCE, "--batch-size", "1e15"],
    ["detect", "--source", SOURCE, "--max-det", "1e300"],
    ["detect", "--source", SOURCE, "--vid-stride", "1e12"],
    ["detect", "--source", SOURCE, "--line-thickness", "1e15"],
    ["detect", "--source", SOURCE, "--imgsz", "16385"],
    ["bench", "--batch-size", "1000000"],
    ["bench", "--iterations", "1e10"],
    ["export", "--weights", "codes", "--include", "onnx", "--batch-size", "1e15"],
    ["val", "--data", "x", "--imgsz", "1000000"],
    ["val", "--data", "x", "--forward-batch", "5000"],
    ["compress", "--weights", "codes", "--data", "x", "--imgsz", "1e6"],
    ["detect", "--source", SOURCE, "--threads", "1e15"],
  ];
  for (const argv of cases) {
    test(argv.slice(-2).join(" "), async () => {
      const { code, stderr } = await cli(argv);
      expect(code).toBe(2);
      expect(stderr).toMatch(/^error: [^\n]*at most \d+[^\n]*\n$/);
    });
  }
});

describe("refused for lack of memory before a picture is enlarged", () => {
  for (const backend of ["cpu", "wasm", "gpujs"] as const) {
    test(`imgsz 16384 on ${backend}`, async () => {
      const model = await load("codes", { backend });
      const before = process.memoryUsage().rss;
      const error = await rejection(model.detect(SOURCE, { imgsz: 16384, square: true }));
      expect(error).toBeInstanceOf(LimitError);
      expect(error.message).toMatch(new RegExp(`^${backend}: .* GiB.*; use a smaller imgsz`));
      // The input alone would take 3 GiB.
      expect(process.memoryUsage().rss - before).toBeLessThan(1e9);
      expect(await rejection(model.warmup(16384))).toBeInstanceOf(LimitError);
      expect(await rejection(model.warmup(640, 4096))).toBeInstanceOf(LimitError);
      expect(await rejection(model.warmup(640, 0.5))).toBeInstanceOf(OptionError);
      // The model still works.
      expect(await model.detect(SOURCE, { imgsz: 64 })).toBeDefined();
      model.dispose();
    });
  }

  test("bench with a batch of 4096", async () => {
    const { code, stderr } = await cli(["bench", "--backend", "wasm", "--batch-size", "4096", "--iterations", "1"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: 4096 pictures of 640×640 need an input of 18\.8 GiB, [^\n]*\n$/);
  });
});
