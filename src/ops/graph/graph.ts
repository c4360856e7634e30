/** The graph IR that every backend compiles: values are ids, weights are host tensors, names are PyTorch's. */

import type { DType, HostTensor } from "../../tensor/index.js";
import type { OpAttributes, OpType } from "../attributes.js";

/** Index into `Graph.values`. */
export type ValueId = number;

export interface TensorDesc {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** `name` is that of the node or weight that gives the value. */
export interface Value extends TensorDesc {
  readonly id: ValueId;
  readonly name: string;
}

export interface NodeOf<T extends OpType> {
  readonly type: T;
  /** PyTorch's module path, with a suffix where a module becomes several nodes (`model.9.cv1.conv`). */
  readonly name: string;
  readonly inputs: readonly ValueId[];
  readonly outputs: readonly ValueId[];
  readonly attrs: OpAttributes[T];
}

/** Any node; `type` tells the attributes. */
export type Node = { [T in OpType]: NodeOf<T> }[OpType];

/** Nodes stand in an order in which they can run. */
export interface Graph {
  readonly inputs: readonly ValueId[];
  readonly outputs: readonly ValueId[];
  readonly nodes: readonly Node[];
  readonly values: readonly Value[];
  /** Weights and other constants. The same host tensor may stand in many graphs: backends cache uploads by identity. */
  readonly constants: ReadonlyMap<ValueId, HostTensor>;
  /** Module paths (`model.9`, `model.9.cv1`) to the value that the module gives: what `tap` accepts. */
  readonly taps: ReadonlyMap<string, ValueId>;
}

/** Node indices that read each value. */
export function consumersOf(graph: Graph): Map<ValueId, number[]> {
  const consumers = new Map<ValueId, number[]>();
  graph.nodes.forEach((node, index) => {
    for (const id of node.inputs) {
      const list = consumers.get(id);
      if (list) list.push(index);
      else consumers.set(id, [index]);
    }
  });
  return consumers;
}

/** Node index that gives each value. */
export function producersOf(graph: Graph): Map<ValueId, number> {
  const producers = new Map<ValueId, number>();
  graph.nodes.forEach((node, index) => {
    for (const id of node.outputs) producers.set(id, index);
  });
  return producers;
}
