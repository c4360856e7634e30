/** Floating-point operations of a graph. */

import { opOf } from "../registry.js";
import type { Graph, Node, ValueId } from "./graph.js";

/** Of one node; a multiply-add counts two. */
export function nodeFlops({ values }: Graph, node: Node): number {
  const describe = (ids: readonly ValueId[]) => ids.map((id) => values[id]);
  return opOf(node).flops(describe(node.inputs), describe(node.outputs), node.attrs);
}

/** Sum over all nodes. */
export function graphFlops(graph: Graph): number {
  return graph.nodes.reduce((sum, node) => sum + nodeFlops(graph, node), 0);
}
