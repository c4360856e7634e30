/** Runs the steps of a graph, in order, one call at a time. */

import { Breather } from "../../../breathe.js";
import { DisposedError } from "../../../errors.js";
import { type Graph, lifetimes, liveSetBytes, type ValueId } from "../../../ops/index.js";
import { elementCount, type HostTensor } from "../../../tensor/index.js";
import { type Executable, graphBytes, type MemoryUse, type NodeTiming } from "../../backend.js";
import { CallQueue } from "../../callQueue.js";
import { checkInputs, tapValues } from "../../inputs.js";
import { nodeCost } from "../../nodeCost.js";
import { TapTwins } from "../../taps.js";
import { bytesOf, type ConstantCache, type KeptConstant, type PackedConstant } from "../device/constants.js";
import type { DeviceTensor, GpujsDevice } from "../device/device.js";
import { KernelSet } from "../device/kernelSet.js";
import { extentOf, floatsOf } from "../device/layout.js";
import { Values } from "../device/values.js";
import { lower } from "../lower/lower.js";
import type { Step } from "../lower/lowering.js";

/** What an executable needs of its backend. */
export interface ExecutableHost {
  readonly constants: ConstantCache;
  /** All executables of the model, this one among them. */
  siblings(): Iterable<GpujsExecutable>;
  /** Compiles the same graph with taps readable. */
  compileKeeping(taps: readonly string[]): Promise<GpujsExecutable>;
  onDispose(self: GpujsExecutable): void;
}

export class GpujsExecutable implements Executable {
  private readonly calls = new CallQueue();
  private disposed = false;
  private readonly twins: TapTwins<GpujsExecutable>;
  private readonly kernels: KernelSet;
  private readonly steps: readonly Step[];
  private readonly constants: KeptConstant[] = [];

  /**
   * @param original the graph as the caller gave it: its inputs, outputs and taps
   * @param graph the same after the passes
   * @param kept values that a run leaves readable
   */
  constructor(
    private readonly device: GpujsDevice,
    private readonly original: Graph,
    private readonly graph: Graph,
    private readonly kept: ReadonlySet<ValueId>,
    private readonly host: ExecutableHost,
  ) {
    this.twins = new TapTwins((taps) => host.compileKeeping(taps));
    const kernels = new KernelSet(device);
    this.kernels = kernels;
    const constant = (wanted: PackedConstant): DeviceTensor => {
      const entry = host.constants.acquire(wanted, kernels);
      this.constants.push(entry);
      return entry.tensor;
    };
    try {
      this.steps = graph.nodes.map((node) => lower(node, { graph, kernels, constant }));
    } catch (error) {
      this.free();
      throw error;
    }
  }

  run(inputs: readonly HostTensor[]): Promise<HostTensor[]> {
    return this.turn(inputs, async (values) => {
      await this.evaluate(values, new Set());
      return this.original.outputs.map((id) => values.host(id));
    });
  }

  async tap(names: readonly string[], inputs: readonly HostTensor[]): Promise<Map<string, HostTensor>> {
    if (this.disposed) throw new DisposedError("the executable");
    const ids = tapValues(this.original, names);
    if (!ids.every((id) => this.kept.has(id))) return (await this.twins.keeping(names)).tap(names, inputs);
    return this.turn(inputs, async (values) => {
      await this.evaluate(values, new Set(ids));
      return new Map(names.map((name, i) => [name, values.host(ids[i])]));
    });
  }

  profile(inputs: readonly HostTensor[]): Promise<NodeTiming[]> {
    const timings: NodeTiming[] = [];
    return this.turn(inputs, async (values) => {
      await this.evaluate(values, new Set(), (index, ms) => {
        timings.push({ ...nodeCost(this.graph, this.graph.nodes[index]), kernel: this.steps[index].kernel, ms });
      });
      return timings;
    });
  }

  /**
   * Weights and values as they are packed, in blocks of four channels. `stagingBytes`: what the modules of gpu.js's
   * WebAssembly mode hold beside them, known after the first run.
   */
  memory(): MemoryUse {
    if (this.disposed) throw new DisposedError("the executable");
    const { moduleBytes } = this.kernels;
    return {
      weightBytes: bytesOf(this.constants),
      activationBytes: this.packedLiveBytes(),
      stagingBytes: moduleBytes,
      liveSetBytes: liveSetBytes(this.graph),
      sharedBytes: bytesOf([...this.host.siblings()].flatMap(({ constants }) => constants)),
      // Values are freed at the end of a run.
      shapeBytes: moduleBytes + graphBytes(this.original),
    };
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.host.onDispose(this);
    this.twins.dispose();
    void this.calls.idle().then(() => this.free());
  }

  private free(): void {
    for (const entry of this.constants.splice(0)) this.host.constants.release(entry);
    this.kernels.dispose();
  }

  /** As `liveSetBytes`, of the sizes on the device. */
  private packedLiveBytes(): number {
    const live = lifetimes(this.graph);
    let most = 0;
    this.graph.nodes.forEach((_, index) => {
      let bytes = 0;
      for (const [id, { first, last }] of live) {
        if (first > index || last < index) continue;
        const { shape } = this.graph.values[id];
        bytes += 4 * (shape.length === 4 ? floatsOf(extentOf(shape)) : elementCount(shape));
      }
      most = Math.max(most, bytes);
    });
    return most;
  }

  /** One call at a time, in the order they came; its values are freed at its end. */
  private turn<T>(inputs: readonly HostTensor[], work: (values: Values) => Promise<T>): Promise<T> {
    if (this.disposed) return Promise.reject(new DisposedError("the executable"));
    return this.calls.add(async () => {
      checkInputs(this.original, inputs);
      const values = new Values(this.graph, this.kernels);
      this.graph.inputs.forEach((id, i) => {
        values.setHost(id, inputs[i]);
      });
      try {
        const answer = await work(values);
        this.device.checkAlive();
        return answer;
      } finally {
        values.releaseAll();
      }
    });
  }

  private async evaluate(
    values: Values,
    keep: ReadonlySet<ValueId>,
    onNode?: (index: number, ms: number) => void,
  ): Promise<void> {
    const live = lifetimes(this.graph);
    const breather = new Breather();
    for (const [index, step] of this.steps.entries()) {
      const started = performance.now();
      step.run(values);
      if (onNode) {
        this.device.finish();
        onNode(index, performance.now() - started);
      }
      for (const id of this.graph.nodes[index].inputs) {
        if (live.get(id)?.last === index && !keep.has(id)) values.release(id);
      }
      await breather.rest();
    }
  }
}
