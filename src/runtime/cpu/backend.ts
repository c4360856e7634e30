/** The numeric truth: runs a graph as built, node by node, with each op's float64 reference. */

import { DisposedError, UnsupportedError } from "../../errors.js";
import { evaluate, type Graph, givenValue, liveSetBytes, type Node, opOf, type ValueId } from "../../ops/index.js";
import { BYTES_PER_ELEMENT, elementCount, type HostTensor } from "../../tensor/index.js";
import type { Backend, Executable, MemoryUse, NodeTiming } from "../backend.js";
import { checkInputs, tapValues } from "../inputs.js";
import { checkLiveSet } from "../liveSetLimit.js";

class CpuExecutable implements Executable {
  private readonly graph: Graph;
  private queue: Promise<unknown> = Promise.resolve();
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
      const descs = (ids: readonly ValueId[]) => ids.map((id) => this.graph.values[id]);
      const [reads, writes] = [descs(node.inputs), descs(node.outputs)];
      const bytes = [...reads, ...writes].reduce(
        (sum, v) => sum + elementCount(v.shape) * BYTES_PER_ELEMENT[v.dtype],
        0,
      );
      const flops = opOf(node).flops(reads, writes, node.attrs);
      timings.push({ name: node.name, type: node.type, kernel: "reference", ms, flops, bytes });
    });
    return timings;
  }

  memory(): MemoryUse {
    let weightBytes = 0;
    for (const { data } of this.graph.constants.values()) weightBytes += data.byteLength;
    const live = liveSetBytes(this.graph);
    return { weightBytes, activationBytes: live, stagingBytes: 0, liveSetBytes: live };
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
    const turn = this.queue.then(() => this.evaluate(inputs, keep, onNode));
    this.queue = turn.catch(() => undefined);
    return turn;
  }

  private async evaluate(
    inputs: readonly HostTensor[],
    keep: ReadonlySet<ValueId>,
    onNode?: (node: Node, ms: number) => void,
  ): Promise<Map<ValueId, HostTensor>> {
    checkInputs(this.graph, inputs);
    return evaluate(this.graph, inputs, { keep, ...(onNode && { onNode }) });
  }
}

/** `--backend cpu`: slow, exact, everywhere. */
export function createCpuBackend(): Backend {
  return {
    name: "cpu",
    adapter: "TypeScript reference",
    software: false,
    async compile(graph, { dtype = "float32" } = {}) {
      if (dtype !== "float32") {
        throw new UnsupportedError(`cpu: ${dtype} is not supported, the reference computes in float32 only`, { dtype });
      }
      checkLiveSet(graph, "cpu");
      return new CpuExecutable(graph);
    },
    dispose() {},
  };
}
