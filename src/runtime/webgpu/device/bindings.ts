/** A plan on the device: buffers for its storages, constants and parameters, pipelines and bind groups for its steps. */

import { invariant, LimitError } from "../../../errors.js";
import { paramsBytes, type Workgroups } from "../../../kernels/wgsl/index.js";
import type { Stopwatch } from "../../stopwatch.js";
import { type MemoryPlan, planMemory, plannedBytes } from "../lower/memoryPlan.js";
import { type Operand, type Plan, type Step, type Tensor, tensorBytes } from "../lower/plan.js";
import type { ConstantCache, Upload } from "./constantCache.js";
import type { DeviceContext } from "./deviceContext.js";
import { BufferUsage } from "./flags.js";
import type { PipelineCache } from "./pipelineCache.js";

export interface Dispatch {
  readonly step: Step;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: Workgroups;
  /** Bytes bound, each binding counted once. */
  readonly bytes: number;
}

export interface Services {
  readonly context: DeviceContext;
  readonly pipelines: PipelineCache;
  readonly constants: ConstantCache;
}

/** Bytes uploaded by plans, each upload counted once. */
export function uploadedBytes(plans: Iterable<Pick<DevicePlan, "uploads">>): number {
  const seen = new Set<Upload>();
  let sum = 0;
  for (const { uploads } of plans) {
    for (const upload of uploads) {
      if (!seen.has(upload)) sum += upload.bytes;
      seen.add(upload);
    }
  }
  return sum;
}

export class DevicePlan {
  readonly dispatches: Dispatch[] = [];
  readonly activationBytes: number;
  /** Dispatches that only copy channels. */
  readonly copies: number;
  private readonly services: Services;
  private readonly memory: MemoryPlan;
  private readonly arenas: GPUBuffer[];
  readonly uploads: Upload[] = [];
  private params: GPUBuffer | undefined;
  /** Of the dispatches' parameters. */
  paramsBytes = 0;

  private constructor(plan: Plan, services: Services) {
    const { context } = services;
    this.services = services;
    this.copies = plan.steps.filter(({ isCopy }) => isCopy).length;
    this.checkLimits(plan);
    this.memory = planMemory(plan, context.device.limits.maxBufferSize);
    this.activationBytes = plannedBytes(this.memory);
    const usage = BufferUsage.STORAGE | BufferUsage.COPY_SRC | BufferUsage.COPY_DST;
    this.arenas = this.memory.arenaBytes.map((bytes, i) => context.createBuffer(bytes, usage, `arena ${i}`));
  }

  /** @throws DeviceError (limits), ShaderCompileError. */
  static async create(plan: Plan, services: Services, watch?: Stopwatch): Promise<DevicePlan> {
    const { device } = services.context;
    device.pushErrorScope("out-of-memory");
    let made: DevicePlan;
    let outOfMemory: Promise<GPUError | null>;
    try {
      made = new DevicePlan(plan, services);
    } finally {
      // Also where a limit is broken: a scope that stays open would swallow the errors of later plans.
      outOfMemory = device.popErrorScope();
      outOfMemory.catch(() => undefined);
    }
    try {
      await made.bind(plan, watch);
      const error = await services.context.guard(outOfMemory);
      watch?.lap("weights");
      if (error) {
        throw new LimitError(
          `webgpu: no memory for ${made.activationBytes} bytes of activations; use a smaller image or batch`,
          { bytes: made.activationBytes },
        );
      }
    } catch (error) {
      made.dispose();
      throw error;
    }
    return made;
  }

  /** The location of a tensor. */
  range(tensor: Tensor): { readonly buffer: GPUBuffer; readonly offset: number; readonly size: number } {
    const location = this.memory.locations[tensor.storage.id];
    invariant(location, `storage ${tensor.storage.id} has no memory`);
    const buffer = this.arenas[location.arena];
    return { buffer, offset: location.offset + tensor.byteOffset, size: tensorBytes(tensor) };
  }

  dispose(): void {
    const { context } = this.services;
    for (const arena of this.arenas) context.destroyBuffer(arena);
    for (const upload of this.uploads.splice(0)) this.services.constants.release(upload);
    if (this.params) context.destroyBuffer(this.params);
  }

  private checkLimits(plan: Plan): void {
    const { maxStorageBufferBindingSize } = this.services.context.device.limits;
    for (const { node, operands } of plan.steps) {
      for (const operand of operands) {
        if (operand.kind === "constant") continue;
        const bytes = tensorBytes(operand);
        if (bytes > maxStorageBufferBindingSize) {
          throw new LimitError(
            `webgpu: ${node.name} needs a tensor of ${bytes} bytes, the adapter binds at most ${maxStorageBufferBindingSize} (maxStorageBufferBindingSize); use a smaller image or batch`,
            { node: node.name, bytes, maxStorageBufferBindingSize },
          );
        }
      }
    }
  }

  private async bind(plan: Plan, watch?: Stopwatch): Promise<void> {
    const { context, pipelines } = this.services;
    const { device } = context;
    const alignment = device.limits.minUniformBufferOffsetAlignment;
    const blocks = plan.steps.map(({ call }) => (call.params ? paramsBytes(call.kernel, call.params) : undefined));
    const offsets: number[] = [];
    let end = 0;
    for (const block of blocks) {
      offsets.push(end);
      if (block) end = Math.ceil((end + block.byteLength) / alignment) * alignment;
    }
    const bytes = new Uint8Array(Math.max(16, end));
    blocks.forEach((block, i) => {
      if (block) bytes.set(block, offsets[i]);
    });
    const params = context.createBuffer(bytes.byteLength, BufferUsage.UNIFORM | BufferUsage.COPY_DST, "params");
    this.params = params;
    this.paramsBytes = bytes.byteLength;
    device.queue.writeBuffer(params, 0, bytes);

    watch?.lap("lowering");
    const compiled = await Promise.all(plan.steps.map((step) => pipelines.pipeline(step.call, this.sharedReads(step))));
    watch?.lap("kernels");
    plan.steps.forEach((step, i) => {
      const resources = step.operands.map((operand) => this.resource(operand));
      const entries: GPUBindGroupEntry[] = resources.map((resource, binding) => ({ binding, resource }));
      const block = blocks[i];
      if (block) {
        const resource = { buffer: params, offset: offsets[i], size: block.byteLength };
        entries.push({ binding: entries.length, resource });
      }
      const bindGroup = device.createBindGroup({
        label: step.node.name,
        layout: pipelines.layout(step.call, this.sharedReads(step)),
        entries,
      });
      context.counters.bindGroupsCreated++;
      const distinct = new Map(resources.map((r) => [`${r.buffer.label}@${r.offset}`, r.size]));
      this.dispatches.push({
        step,
        pipeline: compiled[i],
        bindGroup,
        workgroups: step.call.workgroups,
        bytes: [...distinct.values()].reduce((sum, size) => sum + size, 0),
      });
    });
  }

  private resource(operand: Operand): { readonly buffer: GPUBuffer; readonly offset: number; readonly size: number } {
    if (operand.kind !== "constant") return this.range(operand);
    const upload = this.services.constants.acquire(operand);
    this.uploads.push(upload);
    return { buffer: upload.buffer, offset: 0, size: Math.max(16, upload.bytes) };
  }

  /** Inputs of a step that lie in the buffer of its output. */
  private sharedReads(step: Step): Set<number> {
    const output = step.operands[step.operands.length - 1];
    const shared = new Set<number>();
    if (output.kind === "constant") return shared;
    const { buffer } = this.range(output);
    step.operands.slice(0, -1).forEach((operand, i) => {
      if (operand.kind !== "constant" && this.range(operand).buffer === buffer) shared.add(i);
    });
    return shared;
  }
}
