/**
 * Values that should have one scale, so that they can stay in integers from convolution to convolution: what a concatenation
 * joins, and what max pools and upsampling make of a value, which change none of its numbers.
 */

import type { Graph, ValueId } from "../../ops/index.js";

/** Ops that give some of the numbers of their inputs, in other places. */
const MOVING: ReadonlySet<string> = new Set(["concat", "maxPool2d", "upsampleNearest"]);

/** For each value that such an op reads or writes, the first value of its group; other values are missing. */
export function scaleGroups(graph: Graph): Map<ValueId, ValueId> {
  const parents = new Map<ValueId, ValueId>();
  const rootOf = (id: ValueId): ValueId => {
    const parent = parents.get(id);
    return parent === undefined || parent === id ? id : rootOf(parent);
  };
  for (const { type, inputs, outputs } of graph.nodes) {
    if (!MOVING.has(type)) continue;
    const members = [...inputs, ...outputs];
    const root = Math.min(...members.map(rootOf));
    for (const id of members) {
      parents.set(rootOf(id), root);
      parents.set(id, root);
    }
  }
  return new Map([...parents.keys()].map((id) => [id, rootOf(id)]));
}
