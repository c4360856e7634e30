/** A compiled graph: one encoder, one pass and one submit per run; tap and profile on demand. */

import { DisposedError } from "../../errors.js";
import { type Graph, liveSetBytes, type ValueId } from "../../ops/index.js";
import { type HostTensor, tensor } from "../../tensor/index.js";
import type { Executable, MemoryUse, NodeTiming } from "../backend.js";
import { checkInputs, tapValues } from "../inputs.js";
import type { DevicePlan, Dispatch, Services } from "./bindings.js";
import type { Counters } from "./counters.js";
import { BufferUsage, MapMode } from "./flags.js";
import { Pace } from "./pace.js";
import type { Plan } from "./plan.js";
import { profileDispatches } from "./profile.js";
import { readTensors } from "./readback.js";

/** Compiles a graph so that the given values stay readable. */
export type CompileKeeping = (graph: Graph, keep: ReadonlySet<ValueId>) => Promise<WebGpuExecutable>;

export class WebGpuExecutable implements Executable {
  private readonly graph: Graph;
  private readonly plan: Plan;
  private readonly onDevice: DevicePlan;
  private readonly services: Services;
  private readonly staging: GPUBuffer;
  private readonly stagingOffsets: readonly number[];
  private readonly compileKeeping: CompileKeeping;
  private readonly pace = new Pace();
  private keeping: Promise<WebGpuExecutable> | undefined;
  private queue: Promise<unknown> = Promise.resolve();
  private disposed = false;

  constructor(graph: Graph, plan: Plan, onDevice: DevicePlan, services: Services, compileKeeping: CompileKeeping) {
    this.graph = graph;
    this.plan = plan;
    this.onDevice = onDevice;
    this.services = services;
    this.compileKeeping = compileKeeping;
    let end = 0;
    this.stagingOffsets = plan.outputs.map((output) => {
      const offset = end;
      end += onDevice.range(output).size;
      return offset;
    });
    this.staging = services.context.createBuffer(end, BufferUsage.MAP_READ | BufferUsage.COPY_DST, "staging");
  }

  run(inputs: readonly HostTensor[]): Promise<HostTensor[]> {
    return this.enqueue(inputs, () => this.execute(inputs));
  }

  async tap(names: readonly string[], inputs: readonly HostTensor[]): Promise<Map<string, HostTensor>> {
    const ids = tapValues(this.graph, names);
    if (ids.every((id) => this.plan.kept.has(id))) {
      return this.enqueue(inputs, async () => {
        await this.execute(inputs);
        const tensors = await readTensors(
          this.services.context,
          ids.map((id) => ({ tensor: this.keptTensor(id), shape: this.graph.values[id].shape, plan: this.onDevice })),
        );
        return new Map(names.map((name, i) => [name, tensors[i]]));
      });
    }
    this.keeping ??= this.compileKeeping(this.graph, new Set(this.graph.taps.values()));
    return (await this.keeping).tap(names, inputs);
  }

  profile(inputs: readonly HostTensor[]): Promise<NodeTiming[]> {
    return this.enqueue(inputs, async () => {
      this.upload(inputs);
      return profileDispatches(this.services.context, this.onDevice.dispatches);
    });
  }

  memory(): MemoryUse {
    const { weightBytes, activationBytes } = this.onDevice;
    return { weightBytes, activationBytes, stagingBytes: this.staging.size, liveSetBytes: liveSetBytes(this.graph) };
  }

  /** What the whole backend has asked of its device so far. */
  counters(): Counters {
    return this.services.context.stats;
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.onDevice.dispose();
    this.staging.destroy();
    this.keeping?.then(
      (twin) => twin.dispose(),
      () => undefined,
    );
  }

  private keptTensor(id: ValueId) {
    const kept = this.plan.kept.get(id);
    if (!kept) throw new Error(`internal error: value ${id} was not kept`);
    return kept;
  }

  /** One run at a time, in the order of the calls. */
  private enqueue<T>(inputs: readonly HostTensor[], work: () => Promise<T>): Promise<T> {
    const turn = this.queue.then(() => {
      if (this.disposed) throw new DisposedError("the executable");
      checkInputs(this.graph, inputs);
      this.services.context.check();
      return work();
    });
    this.queue = turn.catch(() => undefined);
    return turn;
  }

  private upload(inputs: readonly HostTensor[]): void {
    const { queue } = this.services.context.device;
    this.plan.inputs.forEach((input, i) => {
      const { buffer, offset } = this.onDevice.range(input);
      const data = inputs[i].data as Float32Array;
      // A view of shared memory is refused.
      const own = data.buffer instanceof ArrayBuffer ? (data as Float32Array<ArrayBuffer>) : new Float32Array(data);
      queue.writeBuffer(buffer, offset, own);
    });
  }

  private async execute(inputs: readonly HostTensor[]): Promise<HostTensor[]> {
    const { context } = this.services;
    this.upload(inputs);
    const encoder = context.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    encodeDispatches(pass, this.onDevice.dispatches);
    pass.end();
    context.counters.dispatches += this.onDevice.dispatches.length;
    context.counters.copies += this.onDevice.dispatches.reduce((n, d) => n + (d.step.isCopy ? 1 : 0), 0);
    this.plan.outputs.forEach((output, i) => {
      const { buffer, offset, size } = this.onDevice.range(output);
      encoder.copyBufferToBuffer(buffer, offset, this.staging, this.stagingOffsets[i], size);
    });
    const started = performance.now();
    context.submit(encoder.finish());
    if (context.software) await this.pace.rest();
    await context.guard(this.staging.mapAsync(MapMode.READ));
    this.pace.learn(performance.now() - started);
    context.check();
    const mapped = this.staging.getMappedRange();
    const results = this.plan.outputs.map((output, i) => {
      const data = new Float32Array(mapped, this.stagingOffsets[i], output.elements).slice();
      return tensor("float32", this.graph.values[this.graph.outputs[i]].shape, data);
    });
    this.staging.unmap();
    return results;
  }
}

/** Sets only what changes from one dispatch to the next. */
function encodeDispatches(pass: GPUComputePassEncoder, dispatches: readonly Dispatch[]): void {
  let pipeline: GPUComputePipeline | undefined;
  for (const dispatch of dispatches) {
    if (dispatch.pipeline !== pipeline) {
      pipeline = dispatch.pipeline;
      pass.setPipeline(pipeline);
    }
    pass.setBindGroup(0, dispatch.bindGroup);
    pass.dispatchWorkgroups(...dispatch.workgroups);
  }
}
