/** `--tune` on the command line: what it says, what it keeps, and where there is nothing to choose from. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { webgpuOrSkip } from "../../support/webgpu.js";
import { cli, EXAMPLE, scratchFolder } from "../support.js";

const gpu = await webgpuOrSkip();
const folder = await scratchFolder();
const KNOWN = "Tuned:   all convolutions of this size have been measured before";

beforeEach(() => vi.stubEnv("YOLOV5_CACHE", folder));
afterEach(() => vi.unstubAllEnvs());

test("a note says if there are no kernels to choose from", async () => {
  const { code, stdout } = await cli([
    ...["detect", "--source", EXAMPLE, "--nosave", "--backend", "cpu"],
    ...["--imgsz", "64", "--tune"],
  ]);
  expect(code).toBe(0);
  expect(stdout).toContain("note: tune: cpu has no kernels to choose from");
  expect(existsSync(join(folder, "webgpu-tuning.json"))).toBe(false);
});

describe.skipIf(!gpu)("on WebGPU", () => {
  test("kernels are measured once per input size, and the result serves every command", async () => {
    const bench = [
      "bench",
      "--weights",
      "codes",
      "--backend",
      "webgpu",
      "--iterations",
      "1",
      "--warmup",
      "0",
      "--tune",
    ];
    // 64 is what runs: the next multiple of the stride.
    const first = await cli([...bench, "--imgsz", "33"]);
    expect(first.code).toBe(0);
    expect(first.stdout).toMatch(
      /^Tuned: +\d+ of \d+ convolutions use another kernel now \([\d.]+ → [\d.]+ ms\), saved in /m,
    );
    expect(existsSync(join(folder, "webgpu-tuning.json"))).toBe(true);

    const detect = ["detect", "--source", EXAMPLE, "--nosave", "--backend", "webgpu", "--square", "--tune"];
    const second = await cli([...detect, "--imgsz", "64"]);
    expect(second.code).toBe(0);
    expect(second.stdout).toContain(KNOWN);
  });
});
