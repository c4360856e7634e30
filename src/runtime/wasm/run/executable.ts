/** Runs a program: inputs in, steps, outputs out. One memory per executable; calls queue up in order. */

import { Breather } from "../../../breathe.js";
import { DisposedError, unreachable } from "../../../errors.js";
import { type Graph, liveSetBytes, type ValueId } from "../../../ops/index.js";
import type { HostTensor } from "../../../tensor/index.js";
import type { Executable, MemoryUse, NodeTiming } from "../../backend.js";
import { CallQueue } from "../../callQueue.js";
import { checkInputs, tapValues } from "../../inputs.js";
import { nodeCost } from "../../nodeCost.js";
import { TapTwins } from "../../taps.js";
import { readDense, readNhwc } from "../lower/layout.js";
import type { PaddedPlanes } from "../lower/steps.js";
import { Pace } from "./pace.js";
import type { Program } from "./program.js";

/** How the steps [first, last) of a program are run. */
export interface Runner {
  run(first: number, last: number): Promise<void>;
  dispose(): void;
}

/** What runs a program, with its memory. */
export interface Loaded {
  readonly program: Program;
  readonly memory: WebAssembly.Memory;
  readonly runner: Runner;
}

export class WasmExecutable implements Executable {
  private readonly calls = new CallQueue();
  private loaded: Loaded | undefined;
  private readonly twins: TapTwins<WasmExecutable>;
  private floats: Float32Array;
  private pace: Pace | undefined;

  /**
   * @param original the graph as the caller gave it: its taps and inputs
   * @param kept values that a run leaves readable
   * @param compileKeeping compiles the same graph with taps readable
   */
  constructor(
    loaded: Loaded,
    private readonly original: Graph,
    private readonly kept: ReadonlySet<ValueId>,
    compileKeeping: (taps: readonly string[]) => Promise<WasmExecutable>,
    private readonly onDispose: (self: WasmExecutable) => void,
  ) {
    this.loaded = loaded;
    this.twins = new TapTwins(compileKeeping);
    this.floats = new Float32Array(loaded.memory.buffer);
  }

  run(inputs: readonly HostTensor[]): Promise<HostTensor[]> {
    return this.turn(async ({ program, runner }) => {
      this.writeInputs(program, inputs);
      await this.runAll(program, runner);
      return program.outputs.map(
        (view): HostTensor => ({ dtype: "float32", shape: view.shape, data: readDense(this.floats, view) }),
      );
    });
  }

  async tap(names: readonly string[], inputs: readonly HostTensor[]): Promise<Map<string, HostTensor>> {
    if (!this.loaded) throw new DisposedError("the executable");
    const ids = tapValues(this.original, names);
    if (!ids.every((id) => this.kept.has(id))) return (await this.twins.keeping(names)).tap(names, inputs);
    return this.turn(async ({ program, runner }) => {
      this.writeInputs(program, inputs);
      await this.runAll(program, runner);
      return new Map(names.map((name, i) => [name, this.read(program, ids[i], inputs)]));
    });
  }

  profile(inputs: readonly HostTensor[]): Promise<NodeTiming[]> {
    return this.turn(async ({ program, runner }) => {
      this.writeInputs(program, inputs);
      const { graph, steps } = program;
      const timings = new Map<number, { ms: number; kernels: Set<string> }>();
      const breather = new Breather();
      for (const [index, { node, kernel }] of steps.entries()) {
        const started = performance.now();
        await runner.run(index, index + 1);
        const ms = performance.now() - started;
        const entry = timings.get(node) ?? { ms: 0, kernels: new Set<string>() };
        entry.ms += ms;
        entry.kernels.add(kernel.name);
        timings.set(node, entry);
        await breather.rest();
      }
      return [...timings].map(([index, { ms, kernels }]): NodeTiming => {
        const kernel = [...kernels].join(" + ");
        const node = graph.nodes[index];
        if (!node) return { name: "output", type: "flatten", kernel, ms, flops: 0, bytes: 0 };
        return { ...nodeCost(graph, node), kernel, ms };
      });
    });
  }

  memory(): MemoryUse {
    if (!this.loaded) throw new DisposedError("the executable");
    const { program } = this.loaded;
    return {
      weightBytes: program.weightBytes,
      activationBytes: program.arenaBytes,
      stagingBytes: program.bytes - program.weightBytes - program.arenaBytes,
      liveSetBytes: liveSetBytes(program.graph, () => 4),
    };
  }

  dispose(): void {
    const { loaded } = this;
    if (!loaded) return;
    this.loaded = undefined;
    this.floats = new Float32Array(0);
    this.twins.dispose();
    void this.calls.idle().then(() => loaded.runner.dispose());
    this.onDispose(this);
  }

  /**
   * All steps, a piece at a time where they take long: the calling thread computes too, and signals, timers and the end of the
   * executable are heard in between.
   */
  private async runAll(program: Program, runner: Runner): Promise<void> {
    const { steps } = program;
    this.pace ??= new Pace(program);
    const breather = new Breather();
    for (let first = 0, end = 0; first < steps.length; first = end) {
      end = this.pace.end(first);
      const started = performance.now();
      await runner.run(first, end);
      this.pace.took(first, end, performance.now() - started);
      if (end === steps.length) return;
      await breather.rest();
      if (!this.loaded) throw new DisposedError("the executable");
    }
  }

  /** One call at a time, in the order they came. */
  private turn<T>(work: (loaded: Loaded) => Promise<T>): Promise<T> {
    return this.calls.add(() => {
      if (!this.loaded) throw new DisposedError("the executable");
      return work(this.loaded);
    });
  }

  private writeInputs(program: Program, inputs: readonly HostTensor[]): void {
    checkInputs(program.graph, inputs);
    program.inputs.forEach(({ dense, padded }, i) => {
      const data = inputs[i].data as Float32Array;
      if (padded) writePadded(this.floats, padded, data);
      else if (dense) this.floats.set(data, (dense.block.address + dense.offset) / 4);
    });
  }

  private read(program: Program, id: ValueId, inputs: readonly HostTensor[]): HostTensor {
    const { shape } = program.graph.values[id];
    const input = program.graph.inputs.indexOf(id);
    if (input >= 0) return inputs[input];
    const { nhwc, dense } = program.lowering.peek(id);
    if (nhwc) return { dtype: "float32", shape, data: readNhwc(this.floats, nhwc) };
    if (dense) return { dtype: "float32", shape, data: readDense(this.floats, dense) };
    return unreachable(`value ${id} was not kept`);
  }
}

/** NCHW into planes with a border of zeros. */
function writePadded(memory: Float32Array, place: PaddedPlanes, data: Float32Array): void {
  const { n, c, h, w, padding, row, plane } = place;
  const [top, left] = padding;
  const base = place.block.address / 4;
  for (let p = 0; p < n * c; p++) {
    const start = base + p * plane;
    memory.fill(0, start, start + top * row + left);
    for (let y = 0; y < h; y++) {
      const at = start + (top + y) * row + left;
      memory.set(data.subarray((p * h + y) * w, (p * h + y + 1) * w), at);
      // The right border of this row and the left one of the next.
      memory.fill(0, at + w, at + w + 2 * left);
    }
    memory.fill(0, start + (top + h) * row, start + plane);
  }
}
