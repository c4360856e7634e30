/**
 * The case tables must be able to fail: every kernel is broken in one element of its output, the last pixel or number that it
 * writes, and at least one case of the tables has to notice. A table without such a case would let the fault through.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type KernelCall, pixelCount } from "../../../src/kernels/wgsl/index.js";
import { firstOf } from "../../../src/runtime/webgpu/choose/convKernels.js";
import { DevicePlan, type Services } from "../../../src/runtime/webgpu/device/bindings.js";
import { ConstantCache } from "../../../src/runtime/webgpu/device/constantCache.js";
import { DeviceContext } from "../../../src/runtime/webgpu/device/deviceContext.js";
import { PipelineCache } from "../../../src/runtime/webgpu/device/pipelineCache.js";
import { CONV_KERNELS } from "../../../src/runtime/webgpu/index.js";
import { lowerGraph } from "../../../src/runtime/webgpu/lower/lowerGraph.js";
import type { Plan, Step } from "../../../src/runtime/webgpu/lower/plan.js";
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

const gpu = await webgpuOrSkip();
/** Kernels with shapes baked in compile anew for every case: one tile of each unless YOLOV5_FULL=1. */
const VARIANTS = [...CONV_KERNELS].filter(
  ([name], i, all) => FULL || all.findIndex(([other]) => other.split(" ")[0] === name.split(" ")[0]) === i,
);

/** What is added to the one element: ten times what the comparison allows for the deepest case, and little beside 1. */
const FAULT = 2e-3;

/** The kernel's text with a fault in element `index` of what it writes: the first number of a quad, or a number. */
function broken(call: KernelCall, index: number): KernelCall {
  const { source } = call.kernel;
  const quads = /var<storage, read_write> y: array<Quad>/.test(source);
  const fault = quads ? `Quad(${FAULT}, 0.0, 0.0, 0.0)` : `${FAULT}`;
  const text = source.replace(
    /y\[([^;{}]+?)\] =\s([^;]+);/g,
    `{ let faultAt = $1; let right = $2; y[faultAt] = select(right, right + ${fault}, faultAt == ${index}u); }`,
  );
  expect(text).not.toBe(source);
  return { ...call, kernel: { ...call.kernel, source: text } };
}

function lastElement({ operands }: Step): number {
  const y = operands[operands.length - 1];
  if (y.kind === "blocked") return (y.stored.quads - 1) * y.stored.plane + pixelCount(y.stored) - 1;
  return y.kind === "dense" ? y.elements - 1 : 0;
}

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
    const steps = plan.steps.map((s, i) => (i === step ? { ...s, call: broken(s.call, lastElement(s)) } : s));
    const faulty = { ...plan, steps };
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
