/** Every op of the gpu.js backend against its float64 reference, in both of gpu.js's modes that Node has. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OPS } from "../../../src/ops/index.js";
import type { Backend } from "../../../src/runtime/backend.js";
import { createGpujsBackend } from "../../../src/runtime/gpujs/index.js";
import { allClose, compare } from "../../../src/tensor/index.js";
import { ACTIVATIONS, type Case, CONV_CASES, expected, graphCase, nodeTypes, OP_CASES } from "../wasm/cases.js";

const activationCases: Case[] = ACTIVATIONS.map((activation) =>
  graphCase(
    `activation ${activation.kind}`,
    [
      [1, 6, 4, 5],
      [1, 7],
    ],
    (b, [x, y]) => [b.add("activation", "a", [x], { activation }), b.add("activation", "b", [y], { activation })],
    12,
  ),
);
const CASES = [...CONV_CASES, ...OP_CASES, ...activationCases];

for (const mode of ["webasm", "cpu"] as const) {
  describe(`gpujs ${mode}`, () => {
    let backend: Backend;
    beforeAll(async () => {
      backend = await createGpujsBackend({ importModule: () => import("gpu.js"), mode });
    });
    afterAll(() => backend.dispose());

    it.each(CASES.map((c) => [c.name, c] as const))("%s", async (_, testCase) => {
      const executable = await backend.compile(testCase.graph);
      const wanted = expected(testCase);
      const got = await executable.run(testCase.inputs);
      got.forEach((actual, i) => {
        const { nmse, maxAbs } = compare(actual, wanted[i]);
        expect(nmse, `output ${i}: largest difference ${maxAbs}`).toBeLessThan(1e-11);
        expect(allClose(actual, wanted[i], 1e-4, 1e-4)).toBe(true);
      });
      executable.dispose();
    });
  });
}

it("has a case for every op", () => {
  const tested = nodeTypes(CASES);
  expect(Object.keys(OPS).filter((type) => !tested.has(type as keyof typeof OPS))).toEqual([]);
});
