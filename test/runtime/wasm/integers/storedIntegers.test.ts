/**
 * Values that are stored in integers between convolutions: the outputs have the same bits as where every value is kept in
 * float32 and rounded in front of its readers.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openWasm } from "../../../../src/node/wasm.js";
import type { Graph } from "../../../../src/ops/index.js";
import type { Backend } from "../../../../src/runtime/backend.js";
import { createProgram } from "../../../../src/runtime/wasm/index.js";
import type { HostTensor } from "../../../../src/tensor/index.js";
import { randomTensor } from "../../../support/random.js";
import { bitsOf } from "./bits.js";
import { STORED_CASES, type StoredCase } from "./storedCases.js";

const inputsOf = (graph: Graph): HostTensor[] =>
  graph.inputs.map((id, i) => randomTensor(graph.values[id].shape, 50 + i));

/** Names of the values that a program stores in integers. */
function storedIn(
  { graph }: StoredCase,
  format: "int16" | "unsigned" | "signed",
  kept: readonly string[] = [],
): string[] {
  const keep = new Set(graph.values.filter(({ name }) => kept.includes(name)).map(({ id }) => id));
  const { lowering } = createProgram(graph, keep, 1, 0, format);
  return [...lowering.integers.keys()].map((id) => graph.values[id].name).sort();
}

for (const [integers, threads] of [
  ["int16", 1],
  ["unsigned", 1],
  ["signed", 1],
  ["unsigned", 3],
] as const) {
  describe(`stored in ${integers}, ${threads} threads`, () => {
    let backend: Backend;
    beforeAll(async () => {
      backend = await openWasm({ threads, integers });
    });
    afterAll(() => backend.dispose());

    it.each(STORED_CASES.map((c) => [c.name, c] as const))("%s", async (_, testCase) => {
      const taps = new Map(testCase.graph.nodes.map(({ name, outputs: [id] }) => [name, id]));
      const graph: Graph = { ...testCase.graph, taps };
      const inputs = inputsOf(graph);
      const stored = await backend.compile(graph, { dtype: "int8" });
      const keepTaps = [...taps.keys()];
      const float = await backend.compile(graph, { dtype: "int8", keepTaps });
      const wanted = await float.run(inputs);
      // Twice: the second run finds what the first left in memory, in borders too.
      for (let round = 0; round < 2; round++) {
        const outputs = await stored.run(inputs);
        for (const [i, output] of outputs.entries()) expect(bitsOf(output)).toEqual(bitsOf(wanted[i]));
      }
      stored.dispose();
      float.dispose();
    });
  });
}

describe("which values are stored in integers", () => {
  it.each(STORED_CASES.map((c) => [c.name, c] as const))("%s", (_, testCase) => {
    for (const format of ["unsigned", "signed"] as const) expect(storedIn(testCase, format)).toEqual(testCase.stored);
  });

  it("values that are tapped or returned are not", () => {
    const [testCase] = STORED_CASES;
    const [first] = testCase.stored;
    expect(storedIn(testCase, "unsigned", [first])).not.toContain(first);
  });
});
