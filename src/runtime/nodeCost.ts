/** What a node costs, for profiles. */

import { type Graph, type Node, nodeFlops } from "../ops/index.js";
import { BYTES_PER_ELEMENT, elementCount } from "../tensor/index.js";
import type { NodeTiming } from "./backend.js";

/** Floating-point operations, and the bytes read and written at least once. */
export function nodeCost(graph: Graph, node: Node): Pick<NodeTiming, "name" | "type" | "flops" | "bytes"> {
  const values = [...node.inputs, ...node.outputs].map((id) => graph.values[id]);
  const bytes = values.reduce((sum, v) => sum + elementCount(v.shape) * BYTES_PER_ELEMENT[v.dtype], 0);
  return { name: node.name, type: node.type, flops: nodeFlops(graph, node), bytes };
}
