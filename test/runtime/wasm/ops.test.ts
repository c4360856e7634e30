/** Every op of the WASM backend against its float64 reference, for each kind of instructions that the host has. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openWasm } from "../../../src/node/wasm.js";
import { GraphBuilder, OPS } from "../../../src/ops/index.js";
import type { Backend } from "../../../src/runtime/backend.js";
import type { WasmBackendOptions } from "../../../src/runtime/wasm/index.js";
import { allClose, compare, tensor } from "../../../src/tensor/index.js";
import { ACTIVATIONS, type Case, CONV_CASES, expected, graphCase, nodeTypes, OP_CASES } from "./cases.js";

const activationCases: Case[] = ACTIVATIONS.map((activation) =>
  graphCase(
    `activation ${activation.kind}`,
    [
      [1, 8, 16, 16],
      [1, 7],
    ],
    (b, [x, y]) => [b.add("activation", "a", [x], { activation }), b.add("activation", "b", [y], { activation })],
    12,
  ),
);
const CASES = [...CONV_CASES, ...OP_CASES, ...activationCases];

const variants: { readonly name: string; readonly options: WasmBackendOptions }[] = [
  { name: "simd", options: { instructions: "simd", threads: 1 } },
  { name: "relaxed", options: { instructions: "relaxed", threads: 1 } },
  { name: "scalar", options: { instructions: "scalar", threads: 1 } },
  { name: "simd, 2 threads", options: { instructions: "simd", threads: 2 } },
  { name: "relaxed, 3 threads", options: { instructions: "relaxed", threads: 3 } },
];

for (const { name, options } of variants) {
  describe(`wasm ${name}`, () => {
    let backend: Backend;
    beforeAll(async () => {
      backend = await openWasm(options);
    });
    afterAll(() => backend.dispose());

    it.each(CASES.map((c) => [c.name, c] as const))("%s", async (_, testCase) => {
      const executable = await backend.compile(testCase.graph);
      const wanted = expected(testCase);
      // Twice: the second run finds what the first left in memory.
      for (let round = 0; round < 2; round++) {
        const got = await executable.run(testCase.inputs);
        got.forEach((actual, i) => {
          const { nmse, maxAbs } = compare(actual, wanted[i]);
          expect(nmse, `output ${i}: largest difference ${maxAbs}`).toBeLessThan(1e-11);
          expect(allClose(actual, wanted[i], 1e-4, 1e-4)).toBe(true);
        });
      }
      executable.dispose();
    });
  });
}

it.each(variants)("$name: activations of 0 are what they should be, to the last digit", async ({ options }) => {
  const backend = await openWasm(options);
  const builder = new GraphBuilder();
  const x = builder.input("x", { shape: [1, 5], dtype: "float32" });
  const kinds = [
    { kind: "tanh" },
    { kind: "elu", alpha: 1.5 },
    { kind: "gelu" },
    { kind: "mish" },
    { kind: "silu" },
  ] as const;
  const outputs = kinds.map((activation) => builder.add("activation", activation.kind, [x], { activation }));
  const executable = await backend.compile(builder.finish(outputs));
  for (const { data } of await executable.run([tensor("float32", [1, 5], new Float32Array(5))])) {
    expect(Array.from(data as Float32Array, Math.abs)).toEqual([0, 0, 0, 0, 0]);
  }
  backend.dispose();
});

it("has a case for every op", () => {
  const tested = nodeTypes(CASES);
  expect(Object.keys(OPS).filter((type) => !tested.has(type as keyof typeof OPS))).toEqual([]);
});
