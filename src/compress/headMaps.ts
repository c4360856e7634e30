/** Networks up to the maps that their head decodes. */

import { UnsupportedError } from "../errors.js";
import type { Graph, NodeOf, ValueId } from "../ops/index.js";
import type { ModuleNode } from "../weights/types.js";
import { buildGraph } from "../yolov5/graph/buildGraph.js";

export type Head = NodeOf<"detect"> | NodeOf<"detectAnchorFree">;

/** A network up to what its head decodes. */
export interface HeadMaps {
  /** As built; outputs are the head's inputs, then those that are not decoded, prototypes of masks, then `neck`. */
  readonly graph: Graph;
  readonly head: Head;
  /** What the head reads, where it is asked for; the finest map first. */
  readonly neck: readonly ValueId[];
}

/** [N, 3, H, W]. */
export type InputShape = readonly [number, number, number, number];

/** @throws UnsupportedError for a network without boxes. */
export function headMaps(module: ModuleNode, shape: InputShape, { neck = false } = {}): HeadMaps {
  const { graph } = buildGraph(module, shape);
  const head = graph.nodes.find((node): node is Head => node.type === "detect" || node.type === "detectAnchorFree");
  if (!head)
    throw new UnsupportedError("training and low rank are for networks that detect boxes; this one has no such head");
  const own = [...head.inputs, ...graph.outputs.filter((id) => !head.outputs.includes(id))];
  const nodes = reachable(graph, own);
  const maps = neck ? neckMaps({ ...graph, nodes }, head.name) : [];
  return { graph: { ...graph, nodes, outputs: [...own, ...maps], taps: new Map() }, head, neck: maps };
}

/** Sizes say nothing about channels, so any will do. */
const SOME_SHAPE: InputShape = [1, 3, 64, 64];

/**
 * For each level of a pruned network's neck, the finest first, the unpruned network's channels that are left. Values of a
 * graph are numbered, so this is to be asked before anything but channels has changed.
 * @param keptOf of the graph's values; see `PrunedNetwork`
 * @throws UnsupportedError for a network without boxes
 */
export function keptInNeck(
  pruned: ModuleNode,
  keptOf: (value: ValueId) => readonly number[],
): readonly (readonly number[])[] {
  return headMaps(pruned, SOME_SHAPE, { neck: true }).neck.map(keptOf);
}

/** What nodes of the head read from others, the finest map first. */
function neckMaps(graph: Graph, head: string): ValueId[] {
  const within = (name: string): boolean => name === head || name.startsWith(`${head}.`);
  const own = new Set(graph.nodes.flatMap(({ name, outputs }) => (within(name) ? outputs : [])));
  const read = graph.nodes.flatMap(({ name, inputs }) => (within(name) ? inputs : []));
  const maps = new Set(read.filter((id) => !own.has(id) && !graph.constants.has(id)));
  return [...maps].sort((a, b) => graph.values[b].shape[2] - graph.values[a].shape[2]);
}

/** Nodes that some values depend on. */
function reachable(graph: Graph, from: readonly ValueId[]): Graph["nodes"] {
  const live = new Set(from);
  const kept = [...graph.nodes].reverse().filter((node) => {
    if (!node.outputs.some((id) => live.has(id))) return false;
    for (const id of node.inputs) live.add(id);
    return true;
  });
  return kept.reverse();
}
