/** Lifetimes of values, and the live-set bound that memory plans are judged by. */

import { BYTES_PER_ELEMENT, elementCount } from "../../tensor/index.js";
import type { Graph, TensorDesc, ValueId } from "./graph.js";

/** Node indices of the first write (−1 for graph inputs) and the last read (node count for graph outputs). */
export interface Lifetime {
  readonly first: number;
  readonly last: number;
}

/** Lifetimes of all values that nodes or callers give; constants are left out. */
export function lifetimes(graph: Graph): Map<ValueId, Lifetime> {
  const result = new Map<ValueId, Lifetime>();
  for (const id of graph.inputs) result.set(id, { first: -1, last: -1 });
  graph.nodes.forEach((node, index) => {
    for (const id of node.outputs) result.set(id, { first: index, last: index });
    for (const id of node.inputs) {
      const known = result.get(id);
      if (known) result.set(id, { first: known.first, last: index });
    }
  });
  for (const id of graph.outputs) {
    const known = result.get(id);
    if (known) result.set(id, { first: known.first, last: graph.nodes.length });
  }
  return result;
}

function ownBytes({ dtype }: TensorDesc, _id: ValueId): number {
  return BYTES_PER_ELEMENT[dtype];
}

/**
 * Largest sum of bytes that are live at one node.
 * @param bytesPerElement of a value on a device that stores it in another type than its own
 */
export function liveSetBytes(graph: Graph, bytesPerElement = ownBytes): number {
  const live = lifetimes(graph);
  const changes = new Array<number>(graph.nodes.length + 2).fill(0);
  for (const [id, { first, last }] of live) {
    const value = graph.values[id];
    const bytes = elementCount(value.shape) * bytesPerElement(value, id);
    changes[Math.max(first, 0)] += bytes;
    if (last + 1 < changes.length) changes[Math.max(last, 0) + 1] -= bytes;
  }
  let current = 0;
  let most = 0;
  for (const change of changes) {
    current += change;
    most = Math.max(most, current);
  }
  return most;
}
