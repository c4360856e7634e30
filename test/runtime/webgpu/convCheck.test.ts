/** The comparison that a kernel must pass before tuning may choose it: all kernels pass, one wrong element fails. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ConvKernel, ConvProblem, Residual } from "../../../src/kernels/wgsl/index.js";
import { runnable } from "../../../src/runtime/webgpu/choose/convKernels.js";
import type { Services } from "../../../src/runtime/webgpu/device/bindings.js";
import { ConstantCache } from "../../../src/runtime/webgpu/device/constantCache.js";
import { DeviceContext } from "../../../src/runtime/webgpu/device/deviceContext.js";
import { PipelineCache } from "../../../src/runtime/webgpu/device/pipelineCache.js";
import { CONV_KERNELS } from "../../../src/runtime/webgpu/index.js";
import { agreesWithPlain } from "../../../src/runtime/webgpu/tune/convCheck.js";
import { CONV_CASES, convProblemOf, GROUP_CASES } from "../../support/cases/index.js";
import { FULL } from "../../support/full.js";
import { webgpuOrSkip } from "../../support/webgpu.js";

const gpu = await webgpuOrSkip();
/** One tile of each kernel: emulated adapters take seconds to compile one. */
const VARIANTS = [...CONV_KERNELS].filter(([name]) => !/(tiled|1x1) (128|64|32)/.test(name));

const RESIDUALS: readonly Residual[] = ["none", "input", "output"];
const BAKED_RESIDUALS: readonly Residual[] = FULL ? RESIDUALS : ["input"];
/** Compiled anew for every problem. */
const baked = (name: string): boolean => /tiled|1x1/.test(name);

const withHalf = (problem: ConvProblem): ConvProblem => {
  const inHalf = (stored: ConvProblem["input"]) => {
    const pixels = stored.pictures * stored.height * stored.width;
    return { ...stored, pixelBytes: 8 as const, plane: Math.ceil(pixels / 32) * 32 };
  };
  return { ...problem, input: inHalf(problem.input), output: inHalf(problem.output) };
};

describe.skipIf(!gpu)("agreesWithPlain", () => {
  let services: Services;
  let can: ReadonlyMap<string, ConvKernel>;
  beforeAll(async () => {
    if (!gpu) return;
    const context = await DeviceContext.create({ gpu });
    services = { context, pipelines: new PipelineCache(context), constants: new ConstantCache(context) };
    can = runnable(context);
  });
  afterAll(() => services?.context.dispose());

  const problems = [...CONV_CASES, ...GROUP_CASES].map(convProblemOf);
  const problemFor = (kernel: ConvKernel): ConvProblem => {
    const problem = problems.find((p) => kernel.supports(p) && p.output.quads > 1);
    if (!problem) throw new Error(`no case for ${kernel.name}`);
    return problem;
  };

  it.each(VARIANTS)("%s", async (name, kernel) => {
    if (!can.has(name)) return;
    const problem = problemFor(kernel);
    for (const residual of baked(name) ? BAKED_RESIDUALS : RESIDUALS) {
      expect(await agreesWithPlain({ ...problem, residual }, kernel, false, services), residual).toBe(true);
    }
    const inBytes: ConvProblem = { ...problem, byteWeights: true };
    if (problem.groups === 1 && kernel.supports(inBytes)) {
      expect(await agreesWithPlain(inBytes, kernel, false, services), "weights in bytes").toBe(true);
    }
    if (services.context.device.features.has("shader-f16") && (FULL || !baked(name))) {
      expect(await agreesWithPlain(withHalf(problem), kernel, true, services)).toBe(true);
    }
  });

  it.each(VARIANTS)("notices one wrong element of %s", async (name, kernel) => {
    if (!can.has(name) || name === "conv2d_naive") return;
    const problem = problemFor(kernel);
    const { output } = problem;
    const last = (output.quads - 1) * output.plane + output.pictures * output.height * output.width - 1;
    /** With a fault in the last element, or without writing it. */
    const changed = (fault: string): ConvKernel => ({
      ...kernel,
      call(p) {
        const call = kernel.call(p);
        const source = call.kernel.source.replace(
          /y\[(\w+)\] = stored\(([^;]+)\);/,
          `if ($1 != ${last}u) { y[$1] = stored($2); } ${fault}`,
        );
        expect(source).not.toBe(call.kernel.source);
        return { ...call, kernel: { ...call.kernel, source } };
      },
    });
    if (FULL || !baked(name)) expect(await agreesWithPlain(problem, changed(""), false, services)).toBe(false);
    const off = changed(`if ($1 == ${last}u) { y[$1] = stored($2 + vec4f(1e-3, 0.0, 0.0, 0.0)); }`);
    expect(await agreesWithPlain(problem, off, false, services)).toBe(false);
  });
});
