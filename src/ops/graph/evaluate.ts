/** Runs a graph as built, node by node, with each op's reference. */

import { Breather, type Pieces } from "../../breathe.js";
import { invariant } from "../../errors.js";
import type { HostTensor } from "../../tensor/index.js";
import { opOf } from "../registry.js";
import type { Graph, Node, ValueId } from "./graph.js";
import { lifetimes } from "./liveness.js";

export interface EvaluateOptions {
  /** Values to hold until the end; all others go when the last node that reads them has run. */
  readonly keep?: ReadonlySet<ValueId>;
  /** Called with the time that each node took. */
  readonly onNode?: (node: Node, ms: number) => void;
  /** What a node gives, in place of its op's reference; undefined leaves it to that. */
  readonly reference?: (node: Node, operands: readonly HostTensor[]) => Pieces<HostTensor[]> | undefined;
  /** What a node is taken to give in place of what it gave. */
  readonly alter?: (result: HostTensor, node: Node) => HostTensor;
}

/** @returns the graph's outputs and what was to be kept, by id; inputs are taken as checked. */
export async function evaluate(
  graph: Graph,
  inputs: readonly HostTensor[],
  { keep = new Set(), onNode, reference = () => undefined, alter = (result) => result }: EvaluateOptions = {},
): Promise<Map<ValueId, HostTensor>> {
  const values = new Map<ValueId, HostTensor>(graph.inputs.map((id, i) => [id, inputs[i]]));
  const live = lifetimes(graph);
  const breather = new Breather();
  for (const [index, node] of graph.nodes.entries()) {
    const started = performance.now();
    const operands = node.inputs.map((id) => givenValue(graph, values, id));
    const op = opOf(node);
    const pieces = reference(node, operands) ?? op.referencePieces?.(operands, node.attrs);
    const results = pieces ? await breather.through(pieces) : op.reference(operands, node.attrs);
    node.outputs.forEach((id, i) => {
      values.set(id, alter(results[i], node));
    });
    onNode?.(node, performance.now() - started);
    for (const id of node.inputs) {
      if (live.get(id)?.last === index && !keep.has(id)) values.delete(id);
    }
    await breather.rest();
  }
  return values;
}

/** A value that was computed, given or is constant. */
export function givenValue(graph: Graph, values: ReadonlyMap<ValueId, HostTensor>, id: ValueId): HostTensor {
  const value = values.get(id) ?? graph.constants.get(id);
  invariant(value, `value ${id} (${graph.values[id]?.name}) was not computed`);
  return value;
}
