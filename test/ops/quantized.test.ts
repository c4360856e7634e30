/** The arithmetic of quantized graphs against exact mathematics. */

import { describe, expect, it } from "vitest";
import { type Activation, activationFunction } from "../../src/ops/index.js";
import { activationSteps, headSigmoid } from "../../src/ops/quantized/steps.js";
import { createCpuBackend } from "../../src/runtime/cpu/backend.js";
import { compare } from "../../src/tensor/index.js";
import { INTEGER_CASES } from "../runtime/wasm/integers/integerCases.js";

const cpu = createCpuBackend();

describe("integer convolutions", () => {
  it.each(INTEGER_CASES.map((c) => [c.name, c] as const))("%s", async (_, { graph, inputs, expected, silu }) => {
    const executable = await cpu.compile(graph, { dtype: "int8" });
    const [actual] = await executable.run(inputs);
    // Sums are exact; what is left is two roundings to float32 and, where there is SiLU, its error for eight bits.
    const { nmse, maxAbs } = compare(actual, expected);
    expect(nmse, `largest difference ${maxAbs}`).toBeLessThan(silu ? 1.03e-4 ** 2 : 1e-13);
  });
});

/** Error relative to the larger of the value and `unit`. */
const KINDS: readonly (readonly [Activation, error: number, unit: number])[] = [
  [{ kind: "identity" }, 0, 1],
  [{ kind: "silu" }, 1e-6, 1e-3],
  [{ kind: "sigmoid" }, 1e-6, 1e-3],
  [{ kind: "relu" }, 0, 1],
  [{ kind: "relu6" }, 0, 1],
  [{ kind: "leakyRelu", slope: 0.1 }, 1e-7, 1e-6],
  [{ kind: "hardswish" }, 4e-7, 1],
  [{ kind: "hardsigmoid" }, 4e-7, 1],
  [{ kind: "mish" }, 1e-6, 1],
  [{ kind: "gelu" }, 1e-6, 1],
  [{ kind: "tanh" }, 1e-6, 1],
  [{ kind: "elu", alpha: 0.7 }, 1e-6, 1],
  [{ kind: "softplus" }, 1e-6, 1],
];

describe("activations in steps of float32", () => {
  it.each(KINDS.map((c) => [c[0].kind, ...c] as const))("%s", (_, activation, most, unit) => {
    const steps = activationSteps(activation, "float");
    const exact = activationFunction(activation);
    for (let i = -4000; i <= 4000; i++) {
      const x = Math.fround(i / 331);
      const wanted = exact(x);
      expect(Math.abs(steps(x) - wanted)).toBeLessThanOrEqual(most * Math.max(Math.abs(wanted), unit));
    }
  });

  it("a head's σ is exactly 0 and 1 at its ends", () => {
    expect([headSigmoid(-90), headSigmoid(20), headSigmoid(0)]).toEqual([0, 1, 0.5]);
  });
});
