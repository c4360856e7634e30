/** The numeric reference: runs a graph as built, node by node, with each op's float64 reference. */

import { DisposedError, UnsupportedError } from "../../errors.js";
import { evaluate, type Graph, givenValue, liveSetBytes, type Node, type ValueId } from "../../ops/index.js";
import type { HostTensor } from "../../tensor/index.js";
import {
  type Backend,
  type CompileOptions,
  type Executable,
  FLOAT32_TENSORS,
  graphBytes,
  type MemoryUse,
  type NodeTiming,
} from "../backend.js";
import { CallQueue } from "../callQueue.js";
import { checkInputs, tapValues } from "../inputs.js";
import { checkLiveSet } from "../liveSetLimit.js";
import { nodeCost } from "../nodeCost.js";

class CpuExecutable implements Executable {
  private readonly graph: Graph;
  private readonly calls = new CallQueue();
  private disposed = false;

  constructor(graph: Graph) {
    this.graph = graph;
  }

  async run(inputs: readonly HostTensor[]): Promise<HostTensor[]> {
    const values = await this.execute(inputs, new Set());
    return this.graph.outputs.map((id) => givenValue(this.graph, values, id));
  }

  async tap(names: readonly string[], inputs: readonly HostTensor[]): Promise<Map<string, HostTensor>> {
    const ids = tapValues(this.graph, names);
    const values = await this.execute(inputs, new Set(ids));
    return new Map(names.map((name, i) => [name, givenValue(this.graph, values, ids[i])]));
  }

  async profile(inputs: readonly HostTensor[]): Promise<NodeTiming[]> {
    const timings: NodeTiming[] = [];
    await this.execute(inputs, new Set(), (node, ms) => {
      timings.push({ ...nodeCost(this.graph, node), kernel: "reference", ms });
    });
    return timings;
  }

  memory(): MemoryUse {
    let weightBytes = 0;
    for (const { data } of this.graph.constants.values()) weightBytes += data.byteLength;
    const live = liveSetBytes(this.graph);
    return {
      weightBytes,
      activationBytes: live,
      stagingBytes: 0,
      liveSetBytes: live,
      sharedBytes: weightBytes,
      shapeBytes: graphBytes(this.graph),
    };
  }

  dispose(): void {
    this.disposed = true;
  }

  /** One run at a time, in the order of the calls. */
  private execute(
    inputs: readonly HostTensor[],
    keep: ReadonlySet<ValueId>,
    onNode?: (node: Node, ms: number) => void,
  ): Promise<Map<ValueId, HostTensor>> {
    if (this.disposed) return Promise.reject(new DisposedError("the executable"));
    return this.calls.add(() => {
      checkInputs(this.graph, inputs);
      return evaluate(this.graph, inputs, { keep, ...(onNode && { onNode }) });
    });
  }
}

class CpuBackend implements Backend {
  readonly name = "cpu";
  readonly adapter = "TypeScript reference";
  readonly software = false;
  readonly capabilities = FLOAT32_TENSORS;

  async compile(graph: Graph, { dtype = "float32" }: CompileOptions = {}): Promise<Executable> {
    if (dtype !== "float32") {
      throw new UnsupportedError(`cpu: ${dtype} is not supported, the reference computes in float32 only`, { dtype });
    }
    checkLiveSet(graph, "cpu");
    return new CpuExecutable(graph);
  }

  counters(): undefined {}

  dispose(): void {}
}

/** `--backend cpu`: slow, exact, everywhere. */
export function createCpuBackend(): Backend {
  return new CpuBackend();
}
