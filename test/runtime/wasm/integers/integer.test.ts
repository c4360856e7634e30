/** Integer convolutions of the WASM backend, bit for bit those of the reference, on every build that has them. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { quantizeWeight } from "../../../../src/compress/quantize/weights.js";
import { UnsupportedError } from "../../../../src/errors.js";
import { openWasm } from "../../../../src/node/wasm.js";
import { GraphBuilder, IDENTITY } from "../../../../src/ops/index.js";
import type { Backend } from "../../../../src/runtime/backend.js";
import { createCpuBackend } from "../../../../src/runtime/cpu/backend.js";
import { createProgram } from "../../../../src/runtime/wasm/index.js";
import { dequantizeWeight } from "../../../../src/yolov5/checkpoint/quantized.js";
import { randomTensor } from "../../../support/random.js";
import { bitsOf } from "./bits.js";
import { INTEGER_CASES } from "./integerCases.js";

const reference = createCpuBackend();
const FORMATS = ["int16", "unsigned", "signed"] as const;

for (const [instructions, integers, threads] of [
  ["simd", "int16", 1],
  ["relaxed", "int16", 1],
  ["relaxed", "unsigned", 1],
  ["relaxed", "signed", 1],
  ["simd", "int16", 2],
  ["relaxed", "int16", 3],
  ["relaxed", "unsigned", 3],
] as const) {
  describe(`int8 on wasm ${instructions} in ${integers}, ${threads} threads`, () => {
    let backend: Backend;
    beforeAll(async () => {
      backend = await openWasm({ instructions, threads, integers });
    });
    afterAll(() => backend.dispose());

    it.each(INTEGER_CASES.map((c) => [c.name, c] as const))("%s", async (_, { graph, inputs }) => {
      const executable = await backend.compile(graph, { dtype: "int8" });
      const kernels = (await executable.profile(inputs)).map(({ kernel }) => kernel).join(" ");
      const [expected] = await (await reference.compile(graph, { dtype: "int8" })).run(inputs);
      // Twice: the second run finds what the first left in memory.
      for (let round = 0; round < 2; round++) {
        const [actual] = await executable.run(inputs);
        expect(bitsOf(actual)).toEqual(bitsOf(expected));
      }
      expect(kernels).toMatch(integers === "int16" ? /quantize.*int16/ : /quantize.*int8/);
      executable.dispose();
    });
  });
}

describe("computing in integers", () => {
  const [first] = INTEGER_CASES;

  it("happens only if int8 is requested", async () => {
    const backend = await openWasm({ threads: 1 });
    const executable = await backend.compile(first.graph);
    const kernels = (await executable.profile(first.inputs)).map(({ kernel }) => kernel).join(" ");
    expect(kernels).not.toMatch(/quantize|int16|int8/);
    backend.dispose();
  });

  it("does not happen on hosts without SIMD, which say so", async () => {
    const backend = await openWasm({ threads: 1, instructions: "scalar" });
    expect(backend.capabilities.dtypes).toEqual(["float32"]);
    await expect(backend.compile(first.graph, { dtype: "int8" })).rejects.toThrow(UnsupportedError);
    backend.dispose();
  });

  it("quantizes a value that two convolutions read once", () => {
    const b = new GraphBuilder();
    const x = b.input("x", { shape: [1, 8, 4, 4], dtype: "float32" });
    const { weight, scales } = quantizeWeight(randomTensor([8, 8, 1, 1], 1));
    const conv = (name: string, inputScale: number) =>
      b.add("conv2d", name, [x, b.constant(`${name}.w`, dequantizeWeight(weight, scales.data))], {
        stride: [1, 1],
        padding: [0, 0],
        dilation: [1, 1],
        groups: 1,
        activation: IDENTITY,
        hasBias: false,
        hasResidual: false,
        quantization: { inputScale, inputZeroPoint: 3, weightScales: scales.data },
      });
    const outputs = [conv("a", 0.01), conv("b", 0.01), conv("c", 0.02)];
    const { steps } = createProgram(b.finish(outputs), new Set(), 1, 0, "int16");
    expect(steps.filter(({ kernel }) => kernel.name.startsWith("quantize"))).toHaveLength(2);
  });

  it.each(FORMATS)("writes nothing outside its storage, in %s", (format) => {
    // Quantized pixels are whole vectors, or four at a time of planes: its storage has room for all of them.
    for (const { graph } of INTEGER_CASES) {
      const { steps } = createProgram(graph, new Set(), 1, 0, format);
      const step = steps.find(({ kernel }) => kernel.name.startsWith("quantize"));
      if (!step) continue;
      const { out, outRow, width, padX, channels } = step.args;
      if (typeof out !== "object" || !("storage" in out)) throw new Error("the output of quantize is no address");
      expect(out.storage.bytes).toBeGreaterThanOrEqual(step.tiles * Number(outRow));
      const planes = /(\d) planes/.exec(step.kernel.name)?.[1];
      const pixel = Number(planes ?? channels) * (format === "int16" ? 2 : 1);
      const written = planes ? 4 * pixel : 16;
      expect(Number(outRow)).toBeGreaterThanOrEqual((Number(width) + 2 * Number(padX)) * pixel);
      expect((Number(outRow) - 2 * Number(padX) * pixel) % written).toBe(0);
      if (!planes) expect(pixel % 16).toBe(0);
    }
  });
});
