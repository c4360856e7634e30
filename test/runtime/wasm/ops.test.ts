/** Every op of the WASM backend against its float64 reference, for each kind of instructions that the host has. */

import { setFlagsFromString } from "node:v8";
import { describe, expect, it } from "vitest";
import { hasRelaxedSimd, hasSimd } from "../../../src/kernels/wasm/index.js";
import { OPS } from "../../../src/ops/index.js";
import { createWasmBackend, type WasmBackendOptions } from "../../../src/runtime/wasm/index.js";
import { allClose, compare } from "../../../src/tensor/index.js";
import { ACTIVATIONS, type Case, CONV_CASES, expected, graphCase, nodeTypes, OP_CASES } from "./cases.js";

// V8 of Node 20 has relaxed SIMD behind a flag; later ones have it in any case.
setFlagsFromString("--experimental-wasm-relaxed-simd");

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

const variants: { readonly name: string; readonly options: WasmBackendOptions; readonly has: boolean }[] = [
  { name: "simd", options: { instructions: "simd" }, has: hasSimd() },
  { name: "relaxed", options: { instructions: "relaxed" }, has: hasRelaxedSimd() },
  { name: "scalar", options: { instructions: "scalar" }, has: true },
];

for (const { name, options, has } of variants) {
  if (!has) console.warn(`skipped: this host's WebAssembly has no ${name} instructions`);
  describe.skipIf(!has)(`wasm ${name}`, () => {
    it.each(CASES.map((c) => [c.name, c] as const))("%s", async (_, testCase) => {
      const backend = await createWasmBackend(options);
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
      backend.dispose();
    });
  });
}

it("has a case for every op", () => {
  const tested = nodeTypes(CASES);
  expect(Object.keys(OPS).filter((type) => !tested.has(type as keyof typeof OPS))).toEqual([]);
});
