/**
 * A compiled graph: one encoder, one pass and one submit per run; tap and profile on demand. Runs are submitted in
 * call order and do not wait for each other's results: up to two are in flight.
 */

import { DisposedError } from "../../../errors.js";
import { type Graph, liveSetBytes, type TensorDesc, type ValueId } from "../../../ops/index.js";
import type { HostTensor } from "../../../tensor/index.js";
import {
  type CandidateOutputs,
  type DevicePicture,
  graphBytes,
  type MemoryUse,
  type NodeTiming,
  type OnStage,
  type PictureExecutable,
  type RunInput,
} from "../../backend.js";
import { CallQueue } from "../../callQueue.js";
import { checkInputs, tapValues } from "../../inputs.js";
import { TapTwins } from "../../taps.js";
import type { Counters } from "../device/counters.js";
import type { DeviceContext } from "../device/deviceContext.js";
import { type Encodable, encodeDispatches } from "../device/encode.js";
import { MapMode } from "../device/flags.js";
import { Pace } from "../device/pace.js";
import { readTensors } from "../device/readback.js";
import type { Compiled } from "./compiled.js";
import { checkOverflow } from "./overflow.js";
import { profileDispatches } from "./profile.js";
import type { RunPath } from "./runPath.js";

/** Compilation options. */
export interface Wanted {
  /** Names of values that stay readable after a run. */
  readonly keepTaps: readonly string[];
  /** Float16 storage. */
  readonly half: boolean;
  /** Identifies the model, as in `CompileOptions`. Default: a new one. */
  readonly model?: object | undefined;
}

/** The factory of executables, to which they return when their device is lost. */
export interface ExecutableHost {
  /** Puts a graph on the current device, a new one after a loss. */
  prepare(graph: Graph, wanted: Wanted, onStage?: OnStage): Promise<Compiled>;
}

export class WebGpuExecutable implements PictureExecutable {
  private readonly graph: Graph;
  private readonly wanted: Wanted;
  private readonly host: ExecutableHost;
  private readonly pace = new Pace();
  private compiled: Compiled;
  private readonly twins: TapTwins<WebGpuExecutable>;
  /** A call ends here when its run has been submitted. */
  private readonly calls = new CallQueue();
  /** Resolves when all submitted runs have returned their results. */
  private settled: Promise<unknown> = Promise.resolve();
  /** Whether float16 has been verified on a picture. */
  private trusted: boolean;
  private disposed = false;

  private constructor(graph: Graph, wanted: Wanted, host: ExecutableHost, compiled: Compiled) {
    this.graph = graph;
    this.wanted = wanted;
    this.trusted = !wanted.half;
    this.host = host;
    this.compiled = compiled;
    this.twins = new TapTwins((keepTaps) => WebGpuExecutable.create(graph, { ...wanted, keepTaps }, host));
  }

  static async create(
    graph: Graph,
    wanted: Wanted,
    host: ExecutableHost,
    onStage?: OnStage,
  ): Promise<WebGpuExecutable> {
    return new WebGpuExecutable(graph, wanted, host, await host.prepare(graph, wanted, onStage));
  }

  run(inputs: readonly HostTensor[]): Promise<HostTensor[]> {
    return this.runWhole({ inputs });
  }

  runPictures(pictures: readonly DevicePicture[]): Promise<HostTensor[]> {
    return this.runWhole({ pictures });
  }

  async runCandidates(given: RunInput, threshold: number): Promise<CandidateOutputs | undefined> {
    if (!this.compiled.plan.detect) return undefined;
    for (;;) {
      const found = await this.runPath(
        given,
        () => this.compiled.candidatePath,
        async () => {
          const path = await this.compiled.candidates();
          path.setThreshold(threshold);
          return path;
        },
      );
      if (found.outputs) return found.outputs;
      // Nothing is lost: the run is repeated with room for all.
      this.compiled.services.context.counters.candidateOverflows++;
      await this.alone(given, () => this.compiled.candidates(found.needed));
    }
  }

  async tap(names: readonly string[], inputs: readonly HostTensor[]): Promise<Map<string, HostTensor>> {
    const ids = tapValues(this.graph, names);
    if (!names.every((name) => this.wanted.keepTaps.includes(name)))
      return (await this.twins.keeping(names)).tap(names, inputs);
    return this.alone({ inputs }, async () => {
      await (await this.submit({ inputs }, this.compiled.whole())).results;
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
    const { wanted } = this;
    const { graph, stagingBytes, weightBytes, sharedBytes } = this.compiled;
    const { activationBytes, paramsBytes } = this.compiled.onDevice;
    // In float16 all pictures but those that the caller gives; rows stay float32.
    const inHalf = ({ shape }: TensorDesc, id: ValueId) => shape.length === 4 && !graph.inputs.includes(id);
    const bytesPerElement = (value: TensorDesc, id: ValueId) => (wanted.half && inHalf(value, id) ? 2 : 4);
    return {
      weightBytes,
      activationBytes,
      stagingBytes,
      liveSetBytes: liveSetBytes(graph, bytesPerElement),
      sharedBytes,
      shapeBytes: activationBytes + stagingBytes + paramsBytes + graphBytes(graph),
    };
  }

  /** The work that the whole backend has submitted to its device so far. */
  counters(): Counters {
    return this.compiled.services.context.stats;
  }

  /** Runs in flight still return their results; queued calls reject. */
  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    // Not before the device is done with the buffers.
    void this.calls
      .idle()
      .then(() => this.settled)
      .then(() => this.compiled.dispose());
    this.twins.dispose();
  }

  /** For calls that inspect what a run leaves on the device, or time it: no other run is in flight meanwhile. */
  private alone<T>(given: RunInput, work: () => Promise<T>): Promise<T> {
    return this.enqueue(given, () => this.settled, work);
  }

  private runWhole(given: RunInput): Promise<HostTensor[]> {
    return this.runPath(
      given,
      () => this.compiled.wholePath,
      async () => this.compiled.whole(),
    );
  }

  /** @param known the path if there is one already, whose buffers must be free before the call's turn */
  private async runPath<T>(
    given: RunInput,
    known: () => RunPath<T> | undefined,
    path: () => Promise<RunPath<T>>,
  ): Promise<T> {
    const { results } = await this.enqueue(
      given,
      async () => known()?.readback.staging.next.free,
      async () => this.submit(given, await path()),
    );
    return results;
  }

  /** One call at a time, in their order, each after what it says it must wait for. */
  private enqueue<T>(given: RunInput, free: () => Promise<unknown>, work: () => Promise<T>): Promise<T> {
    return this.calls.add(async () => {
      await free();
      if (this.disposed) throw new DisposedError("the executable");
      if (given.inputs) checkInputs(this.graph, given.inputs);
      if (this.compiled.services.context.isLost) await this.renew();
      this.compiled.services.context.check();
      return work();
    });
  }

  /** After a loss: on a new device. What is left of the old one would hold it and its driver's threads. */
  private async renew(): Promise<void> {
    this.compiled.dispose();
    this.compiled = await this.host.prepare(this.graph, this.wanted);
  }

  /** @returns what must be dispatched first: pictures get into the input that way, tensors are simply written. */
  private async upload(given: RunInput): Promise<readonly Encodable[]> {
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

  /** Submits one run. The result is wrapped, so that the next call need not wait for it. */
  private async submit<T>(given: RunInput, path: RunPath<T>): Promise<{ readonly results: Promise<T> }> {
    const { compiled } = this;
    const { context } = compiled.services;
    if (!this.trusted) {
      await this.settled;
      const leads = await this.upload(given);
      if (leads.length > 0) {
        const encoder = context.device.createCommandEncoder();
        encodeDispatches(encoder, leads);
        context.submit(encoder.finish());
      }
      await checkOverflow(compiled);
      this.trusted = tells(given);
    }
    // After the check, whose run may have put other values where the inputs were.
    const leads = await this.upload(given);
    const { readback } = path;
    const encoder = context.device.createCommandEncoder();
    path.begin(encoder);
    const dispatches = [...leads, ...path.dispatches];
    encodeDispatches(encoder, dispatches);
    const { next } = readback.staging;
    readback.encode(encoder, next.buffer);
    context.counters.dispatches += dispatches.length;
    context.counters.copies += compiled.onDevice.copies;
    context.counters.bytesRead += readback.runBytes;
    context.submit(encoder.finish());
    readback.staging.advance();
    const results = this.results(context, path, next.buffer, this.settled);
    this.settled = results.catch(() => undefined);
    next.free = this.settled;
    return { results };
  }

  /** Waits for the run that was submitted last to fill a staging buffer. `before`: the runs before it have settled. */
  private async results<T>(
    context: DeviceContext,
    path: RunPath<T>,
    staging: GPUBuffer,
    before: Promise<unknown>,
  ): Promise<T> {
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
    const results = path.read(staging.getMappedRange());
    staging.unmap();
    return results;
  }
}

/** Whether a run on it shows what a network's numbers are like: a warm-up on zeros proves nothing. */
function tells({ inputs, pictures }: RunInput): boolean {
  const lists = inputs ? inputs.map(({ data }) => data) : pictures.map(({ pixels }) => pixels.data);
  return lists.every((data) => data.some((value) => value !== data[0]));
}
