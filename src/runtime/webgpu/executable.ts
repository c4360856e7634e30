/** A compiled graph: one encoder, one pass and one submit per run; tap and profile on demand. */

import { DisposedError } from "../../errors.js";
import { type Graph, liveSetBytes, type TensorDesc, type ValueId } from "../../ops/index.js";
import { type HostTensor, tensor } from "../../tensor/index.js";
import type { Executable, MemoryUse, NodeTiming } from "../backend.js";
import { checkInputs, tapValues } from "../inputs.js";
import type { Dispatch } from "./bindings.js";
import type { Compiled } from "./compiled.js";
import type { Counters } from "./counters.js";
import { MapMode } from "./flags.js";
import { checkOverflow } from "./overflow.js";
import { Pace } from "./pace.js";
import { profileDispatches } from "./profile.js";
import { readTensors } from "./readback.js";

/** What a graph is compiled for. */
export interface Wanted {
  /** Values that stay readable after a run. */
  readonly keep: ReadonlySet<ValueId>;
  /** Float16 storage. */
  readonly half: boolean;
}

/** Where executables come from, and come back to when their device was lost. */
export interface ExecutableHost {
  /** Puts a graph on the current device, a new one after a loss. */
  prepare(graph: Graph, wanted: Wanted): Promise<Compiled>;
}

export class WebGpuExecutable implements Executable {
  private readonly graph: Graph;
  private readonly wanted: Wanted;
  private readonly host: ExecutableHost;
  private readonly pace = new Pace();
  private compiled: Compiled;
  private keeping: Promise<WebGpuExecutable> | undefined;
  private queue: Promise<unknown> = Promise.resolve();
  /** Float16 was seen to hold all numbers of a picture. */
  private trusted: boolean;
  private disposed = false;

  private constructor(graph: Graph, wanted: Wanted, host: ExecutableHost, compiled: Compiled) {
    this.graph = graph;
    this.wanted = wanted;
    this.trusted = !wanted.half;
    this.host = host;
    this.compiled = compiled;
  }

  static async create(graph: Graph, wanted: Wanted, host: ExecutableHost): Promise<WebGpuExecutable> {
    return new WebGpuExecutable(graph, wanted, host, await host.prepare(graph, wanted));
  }

  run(inputs: readonly HostTensor[]): Promise<HostTensor[]> {
    return this.enqueue(inputs, () => this.execute(inputs));
  }

  async tap(names: readonly string[], inputs: readonly HostTensor[]): Promise<Map<string, HostTensor>> {
    const ids = tapValues(this.graph, names);
    if (!ids.every((id) => this.compiled.keeps(id))) {
      const keep = new Set(this.graph.taps.values());
      this.keeping ??= WebGpuExecutable.create(this.graph, { ...this.wanted, keep }, this.host);
      return (await this.keeping).tap(names, inputs);
    }
    return this.enqueue(inputs, async () => {
      await this.execute(inputs);
      const { compiled } = this;
      const { context } = compiled.services;
      const wanted = ids.map((id) => ({
        tensor: compiled.kept(id),
        shape: this.graph.values[id].shape,
        plan: compiled.onDevice,
      }));
      const tensors = await readTensors(context, wanted);
      return new Map(names.map((name, i) => [name, tensors[i]]));
    });
  }

  profile(inputs: readonly HostTensor[]): Promise<NodeTiming[]> {
    return this.enqueue(inputs, async () => {
      this.upload(inputs);
      return profileDispatches(this.compiled.services.context, this.compiled.onDevice.dispatches);
    });
  }

  memory(): MemoryUse {
    const { weightBytes, activationBytes } = this.compiled.onDevice;
    const stagingBytes = this.compiled.staging.size;
    const { graph, wanted } = this;
    // In float16 all pictures but those that the caller gives; rows stay float32.
    const inHalf = ({ shape }: TensorDesc, id: ValueId) => shape.length === 4 && !graph.inputs.includes(id);
    const bytesPerElement = (value: TensorDesc, id: ValueId) => (wanted.half && inHalf(value, id) ? 2 : 4);
    return { weightBytes, activationBytes, stagingBytes, liveSetBytes: liveSetBytes(graph, bytesPerElement) };
  }

  /** What the whole backend has asked of its device so far. */
  counters(): Counters {
    return this.compiled.services.context.stats;
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.compiled.dispose();
    this.keeping?.then(
      (twin) => twin.dispose(),
      () => undefined,
    );
  }

  /** One run at a time, in the order of the calls. */
  private enqueue<T>(inputs: readonly HostTensor[], work: () => Promise<T>): Promise<T> {
    const turn = this.queue.then(async () => {
      if (this.disposed) throw new DisposedError("the executable");
      checkInputs(this.graph, inputs);
      if (this.compiled.services.context.isLost) this.compiled = await this.host.prepare(this.graph, this.wanted);
      this.compiled.services.context.check();
      return work();
    });
    this.queue = turn.catch(() => undefined);
    return turn;
  }

  private upload(inputs: readonly HostTensor[]): void {
    const { plan, onDevice, services } = this.compiled;
    const { queue } = services.context.device;
    plan.inputs.forEach((input, i) => {
      const { buffer, offset } = onDevice.range(input);
      const data = inputs[i].data as Float32Array;
      // A view of shared memory is refused.
      const own = data.buffer instanceof ArrayBuffer ? (data as Float32Array<ArrayBuffer>) : new Float32Array(data);
      queue.writeBuffer(buffer, offset, own);
    });
  }

  private async execute(inputs: readonly HostTensor[]): Promise<HostTensor[]> {
    const { plan, onDevice, services, staging, stagingOffsets } = this.compiled;
    const { context } = services;
    if (!this.trusted) {
      this.upload(inputs);
      await checkOverflow(this.compiled);
      // A warm-up on zeros proves nothing.
      this.trusted = inputs.every(({ data }) => data.some((value) => value !== data[0]));
    }
    // After the check, whose run may have put other values where the inputs were.
    this.upload(inputs);
    const encoder = context.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    encodeDispatches(pass, onDevice.dispatches);
    pass.end();
    context.counters.dispatches += onDevice.dispatches.length;
    context.counters.copies += onDevice.copies;
    plan.outputs.forEach((output, i) => {
      const { buffer, offset, size } = onDevice.range(output);
      encoder.copyBufferToBuffer(buffer, offset, staging, stagingOffsets[i], size);
    });
    const started = performance.now();
    context.submit(encoder.finish());
    if (context.software) await this.pace.rest();
    await context.guard(staging.mapAsync(MapMode.READ));
    this.pace.learn(performance.now() - started);
    context.check();
    const mapped = staging.getMappedRange();
    const results = plan.outputs.map((output, i) => {
      const data = new Float32Array(mapped, stagingOffsets[i], output.elements).slice();
      return tensor("float32", this.graph.values[this.graph.outputs[i]].shape, data);
    });
    staging.unmap();
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
