/** `yolov5 info`: facts of known models, the layer table, memory. */

import { expect, test } from "vitest";
import { cli, fixture } from "./support.js";

test("describes the embedded model", async () => {
  const { code, stdout } = await cli(["info"]);
  expect(code).toBe(0);
  for (const line of [/^task +detect$/m, /^layers +25$/m, /^parameters +448,225$/m, /^strides +8, 16, 32$/m]) {
    expect(stdout).toMatch(line);
  }
  expect(stdout).toMatch(/^layout +v6\.0 to v7\.0/m);
  expect(stdout).toMatch(/^anchors +10×13, 16×30, 33×23$/m);
  expect(stdout).toMatch(/^classes +4: qr_code, barcode, aruco, data_matrix$/m);
});

test("gives the published GFLOPs at 640 of released architectures (4.5 and 16.5)", async () => {
  for (const [name, published, parameters] of [
    ["yolov5n", 4.5, 1_872_157],
    ["yolov5s", 16.5, 7_235_389],
  ] as const) {
    const { stdout } = await cli(["info", "--weights", `random:${name}`, "--json", "-", "--quiet"]);
    const facts = JSON.parse(stdout);
    expect(facts.parameters).toBe(parameters);
    expect(Math.abs(facts.gflops / published - 1)).toBeLessThan(0.02);
    expect(facts.imgsz).toEqual([640, 640]);
  }
});

test("--layers and --memory give a table and JSON", async () => {
  const argv = ["info", "--layers", "--memory", "--imgsz", "320", "--backend", "cpu"];
  const { stdout } = await cli(argv);
  expect(stdout).toMatch(/^ +9 +8 +SPPF +1×128×10×10 +41,344$/m);
  expect(stdout).toMatch(/^ +24 +17, 20, 23 +Detect +1×6300×9 +6,129$/m);
  expect(stdout).toMatch(/^ +weights +1\.8 MB$/m);
  const facts = JSON.parse((await cli([...argv, "--json", "-"])).stdout);
  expect(facts.layerTable).toHaveLength(25);
  const total = facts.layerTable.reduce((sum: number, row: { parameters: number }) => sum + row.parameters, 0);
  expect(total).toBe(facts.parameters);
  expect(facts.memory.activationBytes).toBeGreaterThan(0);
  expect(facts.backend.name).toBe("cpu");
});

test.each([
  ["v6.pt", "detect", /v6\.0/],
  ["csp.pt", "detect", /BottleneckCSP/],
  ["seg.pt", "segment", /v7\.0 \(seg/],
  ["cls.pt", "classify", /classification/],
])("%s", async (name, task, layout) => {
  const { code, stdout } = await cli(["info", "--weights", fixture(name), "--json", "-", "--quiet"]);
  expect(code).toBe(0);
  const facts = JSON.parse(stdout);
  expect(facts.task).toBe(task);
  expect(facts.layout).toMatch(layout);
  expect(facts.names).toHaveLength(facts.classes);
});
