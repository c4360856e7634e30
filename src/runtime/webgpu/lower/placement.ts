/**
 * Before lowering: the channel map of every value, and which concat inputs are written straight into the concat's output.
 */

import { consumersOf, type Graph, type Node, overwrites, type ValueId } from "../../../ops/index.js";
import { type ChannelMap, normalizeMap, plainMap, quadsOf, sameMap, sliceMap } from "./channelMap.js";

/** A value that lives inside another one, `firstQuad` groups of four channels after its start. */
export interface Place {
  readonly parent: ValueId;
  readonly firstQuad: number;
}

export interface Placement {
  /** Maps of the values that are stored in groups of four channels: all of rank 4. */
  readonly maps: ReadonlyMap<ValueId, ChannelMap>;
  readonly places: ReadonlyMap<ValueId, Place>;
}

/** A concat along the channels of pictures: the one kind whose inputs can be slices of its output. */
export function isChannelConcat(graph: Graph, node: Node): boolean {
  return node.type === "concat" && node.attrs.axis === 1 && graph.values[node.outputs[0]].shape.length === 4;
}

function mapOfOutput(graph: Graph, node: Node, mapOf: (id: ValueId) => ChannelMap): ChannelMap {
  const channels = graph.values[node.outputs[0]].shape[1];
  switch (node.type) {
    // Kernels that treat every channel alike keep the order they find.
    case "activation":
    case "batchNorm":
    case "scale":
    case "maxPool2d":
    case "upsampleNearest":
    case "pad2d":
    case "globalAveragePool":
      return mapOf(node.inputs[0]);
    case "concat":
      if (!isChannelConcat(graph, node)) return plainMap(channels);
      return normalizeMap(node.inputs.flatMap(mapOf));
    case "add": {
      const maps = node.inputs.map(mapOf);
      return maps.every((map) => sameMap(map, maps[0])) ? maps[0] : plainMap(channels);
    }
    case "sliceChannels": {
      const view = sliceMap(mapOf(node.inputs[0]), node.attrs.start, node.attrs.end);
      return view ? view.map : plainMap(channels);
    }
    default:
      return plainMap(channels);
  }
}

/**
 * Puts convolutions that were merged (`mergeSiblings`) into the concat that the second of their slices goes to, with the first
 * slice where another value of the concat is written later. The second slice is then a view that is in place.
 */
function placeMerged(graph: Graph, places: Map<ValueId, Place>, keep: ReadonlySet<ValueId>): void {
  const consumers = consumersOf(graph);
  for (const node of graph.nodes) {
    const [both] = node.outputs;
    const slices = (consumers.get(both) ?? []).map((index) => graph.nodes[index]);
    if (node.type !== "conv2d" || slices.length !== 2 || places.has(both)) continue;
    const [first, second] = slices;
    if (first.type !== "sliceChannels" || second.type !== "sliceChannels") continue;
    const place = places.get(second.outputs[0]);
    const later = [...places].find(([, { parent, firstQuad }]) => parent === place?.parent && firstQuad === 0)?.[0];
    if (!place || later === undefined || first.attrs.start !== 0 || second.attrs.start !== first.attrs.end) continue;
    const [split, end] = [first.attrs.end, second.attrs.end];
    if (split % 4 !== 0 || place.firstQuad !== split / 4 || end !== graph.values[both].shape[1]) continue;
    if (keep.has(first.outputs[0]) || keep.has(both) || graph.outputs.includes(both)) continue;
    if (!overwrites(graph, later, first.outputs[0])) continue;
    places.set(both, { parent: place.parent, firstQuad: 0 });
    places.delete(second.outputs[0]);
  }
}

/** `keep`: values that nothing may overwrite. */
export function placeValues(graph: Graph, keep: ReadonlySet<ValueId> = new Set()): Placement {
  const maps = new Map<ValueId, ChannelMap>();
  const mapOf = (id: ValueId): ChannelMap => maps.get(id) ?? plainMap(graph.values[id].shape[1]);
  for (const node of graph.nodes) {
    for (const id of node.outputs) {
      if (graph.values[id].shape.length === 4) maps.set(id, mapOfOutput(graph, node, mapOf));
    }
  }

  const places = new Map<ValueId, Place>();
  const given = new Set<ValueId>([...graph.inputs, ...graph.constants.keys()]);
  for (const node of [...graph.nodes].reverse()) {
    if (!isChannelConcat(graph, node)) continue;
    let firstQuad = 0;
    for (const id of node.inputs) {
      // Only the first of several concats (or of several places in one) can have the value in place.
      if (!places.has(id) && !given.has(id)) places.set(id, { parent: node.outputs[0], firstQuad });
      firstQuad += quadsOf(mapOf(id));
    }
  }
  placeMerged(graph, places, keep);
  return { maps, places };
}
