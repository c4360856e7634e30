/**
 * A compiled graph: one encoder, one pass and one submit per run; tap and profile on demand. Runs are submitted in the order
 * of the calls and do not wait for each other's results: two are on their way at once.
 */

import { DisposedError } from "../../errors.js";
import { type Graph, liveSetBytes, type TensorDesc, type ValueId } from "../../ops/index.js";
import { type FittedPicture, type HostTensor, tensor } from "../../tensor/index.js";
import type { Executable, MemoryUse, NodeTiming } from "../backend.js";
import { checkInputs, tapValues } from "../inputs.js";
import type { Compiled } from "./compiled.js";
import type { Counters } from "./counters.js";
import type { DeviceContext } from "./deviceContext.js";
import { MapMode } from "./flags.js";
import { checkOverflow } from "./overflow.js";
import { Pace } from "./pace.js";
import type { Lead } from "./pictureLoader.js";
import { profileDispatches } from "./profile.js";
import { readTensors } from "./readback.js";

/** What a graph is compiled for. */
export interface Wanted {
  /** Values that stay readable after a run. */
  readonly keep: ReadonlySet<ValueId>;
  /** Float16 storage. */
  readonly half: boolean;
}

/** What a run starts from. */
type Given =
  | { readonly inputs: readonly HostTensor[]; readonly pictures?: undefined }
  | { readonly pictures: readonly FittedPicture[]; readonly inputs?: undefined };

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
  /** Settles when the call before has been submitted. */
  private queue: Promise<unknown> = Promise.resolve();
  /** Settles when all runs that were submitted have given their results. */
  private settled: Promise<unknown> = Promise.resolve();
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
    return this.runGiven({ inputs });
  }

  runPictures(pictures: readonly FittedPicture[]): Promise<HostTensor[]> {
    return this.runGiven({ pictures });
  }

  async tap(names: readonly string[], inputs: readonly HostTensor[]): Promise<Map<string, HostTensor>> {
    const ids = tapValues(this.graph, names);
    if (!ids.every((id) => this.compiled.keeps(id))) {
      const keep = new Set(this.graph.taps.values());
      this.keeping ??= WebGpuExecutable.create(this.graph, { ...this.wanted, keep }, this.host);
      return (await this.keeping).tap(names, inputs);
    }
    return this.alone({ inputs }, async () => {
      await (await this.submit({ inputs })).results;
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
    return this.alone({ inputs }, async () => {
      await this.upload({ inputs });
      return profileDispatches(this.compiled.services.context, this.compiled.onDevice.dispatches);
    });
  }

  memory(): MemoryUse {
    const { weightBytes, activationBytes } = this.compiled.onDevice;
    const stagingBytes = this.compiled.stagingBytes;
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

  /** Runs that are on their way still give their results, calls that wait for their turn reject. */
  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    // Not before the device is done with the buffers.
    void this.queue.then(() => this.settled).then(() => this.compiled.dispose());
    this.keeping?.then(
      (twin) => twin.dispose(),
      () => undefined,
    );
  }

  /** Calls that look at what a run leaves on the device, or time it: no other run is on its way meanwhile. */
  private alone<T>(given: Given, work: () => Promise<T>): Promise<T> {
    return this.enqueue(given, () => this.settled, work);
  }

  private async runGiven(given: Given): Promise<HostTensor[]> {
    const { results } = await this.enqueue(
      given,
      () => this.compiled.staging.next.free,
      () => this.submit(given),
    );
    return results;
  }

  /** One call at a time, in their order, each after what it says it must wait for. */
  private enqueue<T>(given: Given, free: () => Promise<unknown>, work: () => Promise<T>): Promise<T> {
    const turn = this.queue.then(async () => {
      await free();
      if (this.disposed) throw new DisposedError("the executable");
      if (given.inputs) checkInputs(this.graph, given.inputs);
      if (this.compiled.services.context.isLost) this.compiled = await this.host.prepare(this.graph, this.wanted);
      this.compiled.services.context.check();
      return work();
    });
    this.queue = turn.catch(() => undefined);
    return turn;
  }

  /** @returns what must be dispatched first: pictures get into the input that way, tensors are simply written. */
  private async upload(given: Given): Promise<readonly Lead[]> {
    const { plan, onDevice, services } = this.compiled;
    if (given.pictures) {
      const [input] = this.graph.inputs;
      return this.compiled.loader(this.graph.values[input].shape).load(given.pictures);
    }
    const { queue } = services.context.device;
    plan.inputs.forEach((input, i) => {
      const { buffer, offset } = onDevice.range(input);
      const data = given.inputs[i].data as Float32Array;
      // A view of shared memory is refused.
      const own = data.buffer instanceof ArrayBuffer ? (data as Float32Array<ArrayBuffer>) : new Float32Array(data);
      queue.writeBuffer(buffer, offset, own);
    });
    return [];
  }

  /** Sends one run off. What it gives back comes wrapped, so that the next call need not wait for it. */
  private async submit(given: Given): Promise<{ readonly results: Promise<HostTensor[]> }> {
    const { compiled } = this;
    const { plan, onDevice, services, staging, stagingOffsets } = compiled;
    const { context } = services;
    if (!this.trusted) {
      await this.settled;
      const leads = await this.upload(given);
      if (leads.length > 0) context.submit(encode(context, leads).finish());
      await checkOverflow(compiled);
      this.trusted = tells(given);
    }
    // After the check, whose run may have put other values where the inputs were.
    const leads = await this.upload(given);
    const encoder = encode(context, [...leads, ...onDevice.dispatches]);
    context.counters.dispatches += leads.length;
    context.counters.dispatches += onDevice.dispatches.length;
    context.counters.copies += onDevice.copies;
    const { next } = staging;
    plan.outputs.forEach((output, i) => {
      const { buffer, offset, size } = onDevice.range(output);
      encoder.copyBufferToBuffer(buffer, offset, next.buffer, stagingOffsets[i], size);
    });
    context.submit(encoder.finish());
    staging.advance();
    const results = this.results(compiled, next.buffer, this.settled);
    this.settled = results.catch(() => undefined);
    next.free = this.settled;
    return { results };
  }

  /** Waits for the run that was submitted last to fill a staging buffer. `before`: the runs before it have settled. */
  private async results(compiled: Compiled, staging: GPUBuffer, before: Promise<unknown>): Promise<HostTensor[]> {
    const { plan, services, stagingOffsets } = compiled;
    const { context } = services;
    if (context.software) {
      await before;
      // The device starts on this run when it is done with the one before.
      const started = performance.now();
      await context.guard(this.pace.rest());
      await context.guard(staging.mapAsync(MapMode.READ));
      this.pace.learn(performance.now() - started);
    } else {
      await Promise.all([context.guard(staging.mapAsync(MapMode.READ)), before]);
    }
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

/** Whether a run on it shows what a network's numbers are like: a warm-up on zeros proves nothing. */
function tells({ inputs, pictures }: Given): boolean {
  const lists = inputs ? inputs.map(({ data }) => data) : pictures.map(({ pixels }) => pixels.data);
  return lists.every((data) => data.some((value) => value !== data[0]));
}

/** Dispatches in one pass. Sets only what changes from one to the next. */
function encode(context: DeviceContext, dispatches: readonly Lead[]): GPUCommandEncoder {
  const encoder = context.device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  let pipeline: GPUComputePipeline | undefined;
  for (const dispatch of dispatches) {
    if (dispatch.pipeline !== pipeline) {
      pipeline = dispatch.pipeline;
      pass.setPipeline(pipeline);
    }
    pass.setBindGroup(0, dispatch.bindGroup);
    pass.dispatchWorkgroups(...dispatch.workgroups);
  }
  pass.end();
  return encoder;
}
