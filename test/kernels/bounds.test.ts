/**
 * No kernel writes beyond its output: every step of every case runs with outputs bound to far more memory than they
 * need, filled with a pattern, and the pattern must still be there afterwards.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kernelText, paramsBytes } from "../../src/kernels/wgsl/index.js";
import { CONV_KERNELS, firstOf } from "../../src/runtime/webgpu/choose/convKernels.js";
import { DeviceContext } from "../../src/runtime/webgpu/device/deviceContext.js";
import { BufferUsage, MapMode } from "../../src/runtime/webgpu/device/flags.js";
import { PipelineCache } from "../../src/runtime/webgpu/device/pipelineCache.js";
import { lowerGraph } from "../../src/runtime/webgpu/lower/lowerGraph.js";
import { type Constant, type Plan, type Step, type Tensor, tensorBytes } from "../../src/runtime/webgpu/lower/plan.js";
import { createTrainingPlan } from "../../src/runtime/webgpu/train/program.js";
import { cases, trainingOf } from "../runtime/training.js";
import { buildCase, CONV_CASES, convProblemOf, GROUP_CASES, type OpCase, OTHER_CASES } from "../support/cases/index.js";
import { FULL } from "../support/full.js";
import { webgpuOrSkip } from "../support/webgpu.js";

const gpu = await webgpuOrSkip();

/** Bytes bound beyond the end of an output. */
const GUARD = 4096;
/** A float32 that no computation gives. */
const PATTERN = 0xdeadbeef;
const USAGE = BufferUsage.STORAGE | BufferUsage.COPY_DST | BufferUsage.COPY_SRC;

type Words = ReturnType<Constant["build"]> | Uint8Array<ArrayBuffer>;

class Guarded {
  private readonly context: DeviceContext;
  private readonly pipelines: PipelineCache;

  constructor(context: DeviceContext) {
    this.context = context;
    this.pipelines = new PipelineCache(context);
  }

  /** Runs a plan's steps; returns the words beyond each output that changed. */
  async run(plan: Pick<Plan, "steps" | "storages">): Promise<string[]> {
    const { device } = this.context;
    const buffers = plan.storages.map((s) => this.buffer(new Uint32Array((s.bytes + GUARD) / 4).fill(PATTERN)));
    const changed: string[] = [];
    for (const step of plan.steps) {
      const y = step.operands[step.operands.length - 1] as Tensor;
      const before = await this.read(buffers[y.storage.id]);
      const encoder = device.createCommandEncoder();
      await this.encode(encoder, step, buffers);
      device.queue.submit([encoder.finish()]);
      const after = await this.read(buffers[y.storage.id]);
      const end = (y.byteOffset + tensorBytes(y)) / 4;
      const beyond = (i: number): boolean => {
        if (i < y.byteOffset / 4 || i >= end) return true;
        if (y.kind === "dense") return false;
        // Pixels between the last one and the start of the next quad.
        const pixel = Math.floor((i - y.byteOffset / 4) / (y.stored.pixelBytes / 4)) % y.stored.plane;
        return pixel >= y.stored.pictures * y.stored.height * y.stored.width;
      };
      after.forEach((word, i) => {
        if (word !== before[i] && beyond(i)) changed.push(`${step.call.kernel.name} word ${i} of ${after.length}`);
      });
    }
    for (const buffer of buffers) buffer.destroy();
    return changed;
  }

  private async encode(encoder: GPUCommandEncoder, step: Step, buffers: readonly GPUBuffer[]): Promise<void> {
    const { call, operands } = step;
    const y = operands[operands.length - 1] as Tensor;
    const shared = new Set(
      operands.flatMap((o, i) =>
        i < operands.length - 1 && o.kind !== "constant" && o.storage === y.storage ? [i] : [],
      ),
    );
    expect(kernelText(call, shared)).not.toBe("");
    const resources = operands.map((operand) => {
      if (operand.kind === "constant") return { buffer: this.buffer(operand.build()) };
      const buffer = buffers[operand.storage.id];
      // The output gets all the rest of its buffer, unless that holds an input too.
      if (operand === y && shared.size === 0) return { buffer, offset: operand.byteOffset };
      return { buffer, offset: operand.byteOffset, size: tensorBytes(operand) };
    });
    if (call.params) {
      resources.push({
        buffer: this.buffer(paramsBytes(call.kernel, call.params), BufferUsage.UNIFORM | BufferUsage.COPY_DST),
      });
    }
    const bindGroup = this.context.device.createBindGroup({
      layout: this.pipelines.layout(call, shared),
      entries: resources.map((resource, binding) => ({ binding, resource })),
    });
    const pass = encoder.beginComputePass();
    pass.setPipeline(await this.pipelines.pipeline(call, shared));
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(...call.workgroups);
    pass.end();
  }

  private buffer(data: Words, usage = USAGE) {
    const buffer = this.context.createBuffer(data.byteLength, usage, "guarded");
    this.context.device.queue.writeBuffer(buffer, 0, data);
    return buffer;
  }

  private async read(buffer: GPUBuffer): Promise<Uint32Array> {
    const staging = this.context.createBuffer(buffer.size, BufferUsage.MAP_READ | BufferUsage.COPY_DST, "staging");
    const encoder = this.context.device.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, 0, staging, 0, buffer.size);
    this.context.device.queue.submit([encoder.finish()]);
    await staging.mapAsync(MapMode.READ);
    const words = new Uint32Array(staging.getMappedRange()).slice();
    staging.destroy();
    return words;
  }
}

describe.skipIf(!gpu)("kernels stay within their outputs", () => {
  let context: DeviceContext;
  let guarded: Guarded;
  beforeAll(async () => {
    if (!gpu) return;
    context = await DeviceContext.create({ gpu });
    guarded = new Guarded(context);
  });
  afterAll(() => context?.dispose());

  const lower = (opCase: OpCase, name = "conv2d_naive", half = false): Plan => {
    const kernel = CONV_KERNELS.get(name);
    if (!kernel) throw new Error(`no kernel ${name}`);
    return lowerGraph(buildCase(opCase).graph, { choice: firstOf([kernel]), half });
  };

  it.each([...OTHER_CASES, ...GROUP_CASES])("$name", async (opCase) => {
    expect(await guarded.run(lower(opCase))).toEqual([]);
  });

  it.each(cases.map((c) => [`${c.op}: ${c.name}`, c] as const))("training, %s", async (_, c) => {
    expect(await guarded.run(createTrainingPlan(trainingOf(c).training, firstOf([])))).toEqual([]);
  });

  /** Outputs that fill no tile; each kernel gets the first that it can do, or all of them with YOLOV5_FULL=1. */
  const awkward = [CONV_CASES[3], CONV_CASES[13], GROUP_CASES[3], CONV_CASES[1], CONV_CASES[14]];
  it.each([...CONV_KERNELS])("%s", async (name, kernel) => {
    const supported = awkward.filter((opCase) => kernel.supports(convProblemOf(opCase)));
    expect(supported.length).toBeGreaterThan(0);
    const halves = context.device.features.has("shader-f16") ? [false, true] : [false];
    for (const opCase of FULL ? supported : supported.slice(0, 1)) {
      for (const half of halves) {
        expect(await guarded.run(lower(opCase, name, half)), `${opCase.name} half ${half}`).toEqual([]);
      }
    }
  });
});
