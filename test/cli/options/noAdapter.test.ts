/** A machine without a WebGPU adapter: refused where it was asked for, passed over by auto. */

import { expect, test, vi } from "vitest";
import { cli, EXAMPLE } from "../support.js";

// The stand-in for Dawn must be asked on machines without a Vulkan driver too.
vi.stubEnv("VK_DRIVER_FILES", "stand-in");
vi.mock("webgpu", () => ({ create: () => ({ requestAdapter: async () => null }), globals: {} }));

const argv = ["detect", "--source", EXAMPLE, "--imgsz", "64", "--nosave"];

test("--backend webgpu fails with one line", async () => {
  const { code, stdout, stderr } = await cli([...argv, "--backend", "webgpu"]);
  expect(stderr).toMatch(/^error: [^\n]*adapter[^\n]*\n$/);
  expect(stdout).toBe("");
  expect(code).toBe(1);
});

test("auto falls back and says why", async () => {
  const { code, stdout } = await cli([...argv, "--backend", "auto"]);
  expect(stdout).toMatch(/^note: [^\n]*adapter/m);
  expect(stdout).toMatch(/^Backend: (wasm|cpu) /m);
  expect(code).toBe(0);
});
