/** The conformance suite: every case of the table on a backend, against the float64 reference. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Backend, ComputeDType } from "../../src/runtime/backend.js";
import { allClose, compare } from "../../src/tensor/index.js";
import { CASES, type Case, opsWithoutCase } from "./cases/index.js";

export interface Limits {
  readonly nmse: number;
  readonly relative: number;
  /** Times the root of the products that an element sums. */
  readonly absolute: number;
}

export const FLOAT32_LIMITS: Limits = { nmse: 1e-11, relative: 1e-5, absolute: 1e-5 };
/** GPUs may fuse, reorder and approximate a little more. */
export const WEBGPU_LIMITS: Limits = { ...FLOAT32_LIMITS, nmse: 1e-10 };
/** Of float16 storage: inputs and weights are numbers of float16, what is written is rounded to them. */
export const FLOAT16_LIMITS: Limits = { nmse: 1e-6, relative: 1e-3, absolute: 1e-3 };

/** Runs a case twice, and reads its values by `tap` too. */
export async function checkCase(
  backend: Backend,
  testCase: Case,
  limits: Limits,
  dtype: ComputeDType = "float32",
): Promise<void> {
  const { graph, inputs, expected } = testCase.build(dtype === "float16");
  const executable = await backend.compile(graph, { dtype });
  try {
    const outputs = await executable.run(inputs);
    expect(outputs.length).toBe(expected.length);
    for (const [i, actual] of outputs.entries()) {
      const { maxAbs, nmse, worstIndex } = compare(actual, expected[i]);
      const message = `${testCase.name}, output ${i}: max ${maxAbs} at ${worstIndex}, NMSE ${nmse}`;
      expect(nmse, message).toBeLessThanOrEqual(limits.nmse);
      const absolute = limits.absolute * Math.sqrt(testCase.depth);
      expect(allClose(actual, expected[i], limits.relative, absolute), message).toBe(true);
    }
    // The second run must not depend on what the first one left in memory.
    const again = await executable.run(inputs);
    for (const [i, actual] of outputs.entries()) expect(compare(again[i], actual).maxAbs, testCase.name).toBe(0);
    // `tap` reads the same values on its own way.
    const taps = [...graph.taps];
    const tapped = await executable.tap(
      taps.map(([name]) => name),
      inputs,
    );
    for (const [name, id] of taps) {
      const value = tapped.get(name);
      const output = outputs[graph.outputs.indexOf(id)];
      expect(value && compare(value, output).maxAbs, `${testCase.name}: ${name}`).toBe(0);
    }
  } finally {
    executable.dispose();
  }
}

/** @param open undefined where the machine has no such device: the cases are then skipped */
export function describeConformance(
  name: string,
  open: (() => Promise<Backend>) | undefined,
  limits: Limits = FLOAT32_LIMITS,
  dtype: ComputeDType = "float32",
): void {
  describe.skipIf(!open)(`${name} conforms`, () => {
    let backend: Backend | undefined;
    beforeAll(async () => {
      backend = await open?.();
    });
    afterAll(() => backend?.dispose());

    it.for(CASES)("$name", async (testCase, { skip }) => {
      if (!backend?.capabilities.dtypes.includes(dtype)) return skip(`${name} has no ${dtype} here`);
      await checkCase(backend, testCase, limits, dtype);
    });
  });

  it("every op has a case", () => {
    expect(opsWithoutCase()).toEqual([]);
  });
}
