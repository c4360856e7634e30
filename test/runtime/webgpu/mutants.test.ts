/**
 * The case tables must be able to fail: every kernel is broken in one element of its output, the last pixel or number that it
 * writes, and at least one case of the tables has to notice. A table without such a case would let the fault through.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { firstOf } from "../../../src/runtime/webgpu/choose/convKernels.js";
import { DevicePlan, type Services } from "../../../src/runtime/webgpu/device/bindings.js";
import { ConstantCache } from "../../../src/runtime/webgpu/device/constantCache.js";
import { DeviceContext } from "../../../src/runtime/webgpu/device/deviceContext.js";
import { PipelineCache } from "../../../src/runtime/webgpu/device/pipelineCache.js";
import { CONV_KERNELS } from "../../../src/runtime/webgpu/index.js";
import { lowerGraph } from "../../../src/runtime/webgpu/lower/lowerGraph.js";
import type { Plan } from "../../../src/runtime/webgpu/lower/plan.js";
import { Compiled } from "../../../src/runtime/webgpu/run/compiled.js";
import { WebGpuExecutable } from "../../../src/runtime/webgpu/run/executable.js";
import { allClose } from "../../../src/tensor/index.js";
import {
  buildCase,
  CONV_CASES,
  convProblemOf,
  GROUP_CASES,
  type OpCase,
  OTHER_CASES,
} from "../../support/cases/index.js";
import { FULL } from "../../support/full.js";
import { webgpuOrSkip } from "../../support/webgpu.js";
import { withFault } from "./broken.js";

const gpu = await webgpuOrSkip();
/** Kernels with shapes baked in compile anew for every case: one tile of each unless YOLOV5_FULL=1. */
const VARIANTS = [...CONV_KERNELS].filter(
  ([name], i, all) => FULL || all.findIndex(([other]) => other.split(" ")[0] === name.split(" ")[0]) === i,
);

describe.skipIf(!gpu)("one wrong element", () => {
  let services: Services;
  beforeAll(async () => {
    if (!gpu) return;
    const context = await DeviceContext.create({ gpu });
    services = { context, pipelines: new PipelineCache(context), constants: new ConstantCache(context) };
  });
  afterAll(() => services?.context.dispose());

  const planOf = (opCase: OpCase, name = "conv2d_naive"): Plan => {
    const kernel = CONV_KERNELS.get(name);
    if (!kernel) throw new Error(`no kernel ${name}`);
    return lowerGraph(buildCase(opCase).graph, { choice: firstOf([kernel]) });
  };

  /** Whether the case, with this step of its plan broken, still passes. */
  async function passes(opCase: OpCase, plan: Plan, step: number): Promise<boolean> {
    const { graph, inputs, expected } = buildCase(opCase);
    const faulty = { ...plan, steps: withFault(plan.steps, step) };
    const executable = await WebGpuExecutable.create(
      graph,
      { keepTaps: [], half: false },
      { prepare: async () => new Compiled(graph, faulty, await DevicePlan.create(faulty, services), services) },
    );
    const [actual] = await executable.run(inputs);
    executable.dispose();
    return allClose(actual, expected, 1e-5, 1e-5 * Math.sqrt(opCase.depth));
  }

  async function unnoticed(kernel: string, cases: readonly OpCase[], name?: string): Promise<boolean> {
    for (const opCase of cases) {
      const plan = planOf(opCase, name);
      const step = plan.steps.findLastIndex(({ call }) => call.kernel.name === kernel);
      if (step >= 0 && !(await passes(opCase, plan, step))) return false;
    }
    return true;
  }

  const names = (cases: readonly OpCase[]) =>
    new Set(cases.flatMap((opCase) => planOf(opCase).steps.map(({ call }) => call.kernel.name)));

  it.each([...names([...OTHER_CASES, ...GROUP_CASES])])("of %s is noticed", async (kernel) => {
    expect(await unnoticed(kernel, [...OTHER_CASES, ...GROUP_CASES])).toBe(false);
  });

  it.each(VARIANTS)("of %s is noticed", async (name, kernel) => {
    const cases = [...CONV_CASES, ...GROUP_CASES].filter((opCase) => kernel.supports(convProblemOf(opCase)));
    expect(await unnoticed(name.split(" ")[0], cases, name)).toBe(false);
  });
});
