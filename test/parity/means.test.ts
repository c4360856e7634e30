/** Means over many pixels: float32 loses what is added one by one to a large sum. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GraphBuilder } from "../../src/ops/index.js";
import type { Backend } from "../../src/runtime/backend.js";
import { createGpujsBackend } from "../../src/runtime/gpujs/index.js";
import { seededRandom, tensor } from "../../src/tensor/index.js";
import { parityBackends } from "../support/backends.js";

const GPUJS = { name: "gpujs", open: () => createGpujsBackend({ importModule: () => import("gpu.js") }) };

describe.each([...parityBackends(), GPUJS])("$name", ({ open }) => {
  let backend: Backend | undefined;
  beforeAll(async () => {
    backend = await open();
  });
  afterAll(() => backend?.dispose());

  it.for<[what: string, value: (random: () => number) => number]>([
    ["one number", () => 0.1],
    ["positive numbers", (random) => 5 + random()],
  ])("the mean of a million pixels that are %s keeps its precision", async ([, value], { skip }) => {
    if (!backend) return skip("no such device");
    const shape = [1, 3, 1000, 1031];
    const random = seededRandom(1);
    const data = Float32Array.from({ length: 3 * 1000 * 1031 }, () => value(random));
    const builder = new GraphBuilder();
    const x = builder.input("x", { shape, dtype: "float32" });
    const executable = await backend.compile(builder.finish([builder.add("globalAveragePool", "mean", [x], {})]));
    const [{ data: means }] = await executable.run([tensor("float32", shape, data)]);
    executable.dispose();
    for (let c = 0; c < 3; c++) {
      const plane = data.subarray(c * 1_031_000, (c + 1) * 1_031_000);
      const mean = plane.reduce((sum, v) => sum + v, 0) / plane.length;
      expect(Math.abs(Number(means[c]) / mean - 1)).toBeLessThan(1e-5);
    }
  });
});
