/** The cases of gradients must be able to fail: every kernel of training is broken in one element, and a case has to notice. */

import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { firstOf } from "../../../../src/runtime/webgpu/choose/convKernels.js";
import { DevicePlan, type Services } from "../../../../src/runtime/webgpu/device/bindings.js";
import { ConstantCache } from "../../../../src/runtime/webgpu/device/constantCache.js";
import { DeviceContext } from "../../../../src/runtime/webgpu/device/deviceContext.js";
import { PipelineCache } from "../../../../src/runtime/webgpu/device/pipelineCache.js";
import type { DenseTensor } from "../../../../src/runtime/webgpu/lower/plan.js";
import { Pass } from "../../../../src/runtime/webgpu/train/pass.js";
import { createTrainingPlan } from "../../../../src/runtime/webgpu/train/program.js";
import type { GradientCase } from "../../../ops/gradients/fixture.js";
import { REPOSITORY } from "../../../support/reference.js";
import { webgpuOrSkip } from "../../../support/webgpu.js";
import { cases, gradientErrors, trainingOf } from "../../training.js";
import { withFault } from "../broken.js";

const gpu = await webgpuOrSkip();
const KERNELS = readdirSync(join(REPOSITORY, "src/kernels/wgsl/train"))
  .filter((file) => file.endsWith(".wgsl"))
  .map((file) => basename(file, ".wgsl"));

describe.skipIf(!gpu)("one wrong element", () => {
  let services: Services;
  beforeAll(async () => {
    const context = await DeviceContext.create({ gpu: gpu as GPU });
    services = { context, pipelines: new PipelineCache(context), constants: new ConstantCache(context) };
  });
  afterAll(() => services?.context.dispose());

  /** The largest error of a case's gradients where the last step with this kernel is wrong; undefined where there is none. */
  async function errorOf(c: GradientCase, kernel: string): Promise<number | undefined> {
    const made = trainingOf(c);
    const plan = createTrainingPlan(made.training, firstOf([]), made.extra);
    const step = plan.steps.findLastIndex(({ call }) => call.kernel.name === kernel);
    if (step < 0) return undefined;
    const steps = withFault(plan.steps, step);
    const onDevice = await DevicePlan.create({ ...plan, steps, inputs: [], outputs: [], kept: new Map() }, services);
    const pass = (first: number, end: number, inputs: readonly DenseTensor[], outputs: readonly DenseTensor[]): Pass =>
      new Pass(services.context, onDevice, onDevice.dispatches.slice(first, end), inputs, outputs);
    const forward = pass(0, plan.forward, plan.inputs, plan.results);
    const backward = pass(plan.forward, steps.length, plan.seeds, plan.gradients);
    const errors = await gradientErrors(c, made, {
      forward: (inputs) => forward.run(inputs),
      backward: (seeds) => backward.run(seeds),
    });
    onDevice.dispose();
    return Math.max(...errors.map(({ error }) => error));
  }

  it.each(KERNELS)("of %s is noticed", async (kernel) => {
    for (const c of cases) if (((await errorOf(c, kernel)) ?? 0) > 1e-5) return;
    expect.fail(`no case notices that ${kernel} is wrong`);
  });
});
