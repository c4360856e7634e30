/** The numeric truth: runs a graph as built, node by node, with each op's float64 reference. */

import { Breather } from "../../breathe.js";
import { DisposedError, UnsupportedError } from "../../errors.js";
import { type Graph, lifetimes, liveSetBytes, type Node, opOf, type ValueId } from "../../ops/index.js";
import { BYTES_PER_ELEMENT, elementCount, type HostTensor } from "../../tensor/index.js";
import type { Backend, Executable, MemoryUse, NodeTiming } from "../backend.js";
import { checkInputs, tapValues } from "../inputs.js";

class CpuExecutable implements Executable {
  private readonly graph: Graph;
  private queue: Promise<unknown> = Promise.resolve();
  private disposed = false;

  constructor(graph: Graph) {
    this.graph = graph;
  }

  async run(inputs: readonly HostTensor[]): Promise<HostTensor[]> {
    const values = await this.execute(inputs, new Set());
    return this.graph.outputs.map((id) => this.valueOf(values, id));
  }

  async tap(names: readonly string[], inputs: readonly HostTensor[]): Promise<Map<string, HostTensor>> {
    const ids = tapValues(this.graph, names);
    const values = await this.execute(inputs, new Set(ids));
    return new Map(names.map((name, i) => [name, this.valueOf(values, ids[i])]));
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
    const { graph } = this;
    checkInputs(graph, inputs);
    const values = new Map<ValueId, HostTensor>(graph.inputs.map((id, i) => [id, inputs[i]]));
    const live = lifetimes(graph);
    const breather = new Breather();
    for (const [index, node] of graph.nodes.entries()) {
      const started = performance.now();
      const operands = node.inputs.map((id) => this.valueOf(values, id));
      const results = opOf(node).reference(operands, node.attrs);
      node.outputs.forEach((id, i) => {
        values.set(id, results[i]);
      });
      onNode?.(node, performance.now() - started);
      for (const id of node.inputs) {
        if (live.get(id)?.last === index && !keep.has(id)) values.delete(id);
      }
      await breather.rest();
    }
    return values;
  }

  private valueOf(values: ReadonlyMap<ValueId, HostTensor>, id: ValueId): HostTensor {
    const value = values.get(id) ?? this.graph.constants.get(id);
    if (!value) throw new Error(`internal error: value ${id} (${this.graph.values[id]?.name}) was not computed`);
    return value;
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
      return new CpuExecutable(graph);
    },
    dispose() {},
  };
}
