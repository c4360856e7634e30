/** What the passes share: a mutable draft of a graph, and dropping what nothing reads any more. */

import type { HostTensor } from "../../tensor/index.js";
import type { Graph, Node, TensorDesc, Value, ValueId } from "../graph/graph.js";

/** A graph under rewriting. Value ids stay what they are, so taps keep pointing at the right values. */
export class GraphDraft {
  readonly inputs: readonly ValueId[];
  readonly outputs: readonly ValueId[];
  nodes: Node[];
  readonly values: Value[];
  readonly constants: Map<ValueId, HostTensor>;
  readonly taps: ReadonlyMap<string, ValueId>;

  constructor(graph: Graph) {
    this.inputs = graph.inputs;
    this.outputs = graph.outputs;
    this.nodes = [...graph.nodes];
    this.values = [...graph.values];
    this.constants = new Map(graph.constants);
    this.taps = graph.taps;
  }

  addValue(name: string, desc: TensorDesc): ValueId {
    const id = this.values.length;
    this.values.push({ id, name, shape: desc.shape, dtype: desc.dtype });
    return id;
  }

  addConstant(name: string, tensor: HostTensor): ValueId {
    const id = this.addValue(name, tensor);
    this.constants.set(id, tensor);
    return id;
  }

  /** How many node inputs and graph outputs read a value. */
  useCounts(): Map<ValueId, number> {
    const counts = new Map<ValueId, number>();
    const count = (id: ValueId): void => {
      counts.set(id, (counts.get(id) ?? 0) + 1);
    };
    for (const node of this.nodes) node.inputs.forEach(count);
    this.outputs.forEach(count);
    return counts;
  }

  /**
   * The graph, without nodes whose outputs nothing reads, unread constants, and taps on values that are gone.
   * @param keep values that count as read
   */
  finish(keep: ReadonlySet<ValueId> = new Set()): Graph {
    const live = new Set<ValueId>([...this.outputs, ...keep]);
    const kept: Node[] = [];
    for (const node of [...this.nodes].reverse()) {
      if (!node.outputs.some((id) => live.has(id))) continue;
      for (const id of node.inputs) live.add(id);
      kept.push(node);
    }
    kept.reverse();
    const produced = new Set<ValueId>(this.inputs);
    for (const node of kept) for (const id of node.outputs) produced.add(id);
    return {
      inputs: this.inputs,
      outputs: this.outputs,
      nodes: kept,
      values: this.values,
      constants: new Map([...this.constants].filter(([id]) => live.has(id))),
      taps: new Map([...this.taps].filter(([, id]) => produced.has(id))),
    };
  }
}
