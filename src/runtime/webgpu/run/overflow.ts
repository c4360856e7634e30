/**
 * Float16's largest value is 65504, and kernels clamp to it. So before a float16 plan processes its first picture, it
 * runs once with a check of every dispatch's output, which detects a network that needs larger values and names the
 * layer.
 */

import { PrecisionError } from "../../../errors.js";
import { findOverflowCall, type KernelCall, paramsBytes } from "../../../kernels/wgsl/index.js";
import { BufferUsage, MapMode } from "../device/flags.js";
import { LARGEST_HALF } from "../lower/halves.js";
import type { BlockedTensor } from "../lower/plan.js";
import type { Compiled } from "./compiled.js";

const NONE = 0xffffffff;

interface Look {
  /** Index of the dispatch that writes the tensor. */
  readonly step: number;
  readonly tensor: BlockedTensor;
  readonly call: KernelCall;
}

function looksOf({ onDevice }: Compiled): Look[] {
  return onDevice.dispatches.flatMap(({ step: { operands } }, step) => {
    const y = operands[operands.length - 1];
    return y.kind === "blocked" ? [{ step, tensor: y, call: findOverflowCall(y.stored, step) }] : [];
  });
}

/** Runs all dispatches on inputs that were uploaded. @throws PrecisionError naming the first node that overflows. */
export async function checkOverflow(compiled: Compiled): Promise<void> {
  const { onDevice, services } = compiled;
  const { context, pipelines } = services;
  const { device } = context;
  const looks = looksOf(compiled);
  if (looks.length === 0) return;
  const nothing = new Set<number>();
  const stride = device.limits.minUniformBufferOffsetAlignment;
  const words = new Uint8Array(looks.length * stride);
  for (const [i, { call }] of looks.entries())
    if (call.params) words.set(paramsBytes(call.kernel, call.params), i * stride);
  const params = context.createBuffer(words.length, BufferUsage.UNIFORM | BufferUsage.COPY_DST, "looks");
  const found = context.createBuffer(4, BufferUsage.STORAGE | BufferUsage.COPY_SRC | BufferUsage.COPY_DST, "overflow");
  const staging = context.createBuffer(4, BufferUsage.MAP_READ | BufferUsage.COPY_DST, "overflow staging");
  try {
    device.queue.writeBuffer(params, 0, words);
    device.queue.writeBuffer(found, 0, Uint32Array.of(NONE));
    const pipeline = await pipelines.pipeline(looks[0].call, nothing);
    const layout = pipelines.layout(looks[0].call, nothing);
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    let next = 0;
    onDevice.dispatches.forEach((dispatch, step) => {
      pass.setPipeline(dispatch.pipeline);
      pass.setBindGroup(0, dispatch.bindGroup);
      pass.dispatchWorkgroups(...dispatch.workgroups);
      const look = looks[next];
      if (look?.step !== step) return;
      const resources = [
        onDevice.range(look.tensor),
        { buffer: found, offset: 0, size: 4 },
        { buffer: params, offset: next * stride, size: 16 },
      ];
      const entries = resources.map((resource, binding) => ({ binding, resource }));
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, device.createBindGroup({ layout, entries }));
      pass.dispatchWorkgroups(...look.call.workgroups);
      next++;
    });
    pass.end();
    encoder.copyBufferToBuffer(found, 0, staging, 0, 4);
    context.submit(encoder.finish());
    await context.guard(staging.mapAsync(MapMode.READ));
    const [step] = new Uint32Array(staging.getMappedRange(0, 4));
    if (step === NONE) return;
    const { name } = onDevice.dispatches[step].step.node;
    throw new PrecisionError(`webgpu: ${name} has values beyond ${LARGEST_HALF}, the largest of float16; use float32`, {
      name,
    });
  } finally {
    for (const buffer of [params, found, staging]) context.destroyBuffer(buffer);
  }
}
