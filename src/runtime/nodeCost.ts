/** What a node costs, for profiles. */

import { type Graph, type Node, opOf, type ValueId } from "../ops/index.js";
import { BYTES_PER_ELEMENT, elementCount } from "../tensor/index.js";
import type { NodeTiming } from "./backend.js";

/** Floating-point operations, and the bytes read and written at least once. */
export function nodeCost({ values }: Graph, node: Node): Pick<NodeTiming, "name" | "type" | "flops" | "bytes"> {
  const describe = (ids: readonly ValueId[]) => ids.map((id) => values[id]);
  const [reads, writes] = [describe(node.inputs), describe(node.outputs)];
  const bytes = [...reads, ...writes].reduce((sum, v) => sum + elementCount(v.shape) * BYTES_PER_ELEMENT[v.dtype], 0);
  return { name: node.name, type: node.type, flops: opOf(node).flops(reads, writes, node.attrs), bytes };
}
