/** Floating-point operations of a graph. */

import { opOf } from "../registry.js";
import type { Graph, ValueId } from "./graph.js";

/** Sum over all nodes; a multiply-add counts two. */
export function graphFlops(graph: Graph): number {
  const descriptions = (ids: readonly ValueId[]) => ids.map((id) => graph.values[id]);
  return graph.nodes.reduce(
    (sum, node) => sum + opOf(node).flops(descriptions(node.inputs), descriptions(node.outputs), node.attrs),
    0,
  );
}
