/**
 * Before lowering: the channel map of every value, and which concat inputs are written straight into the concat's output.
 */

import type { Graph, Node, ValueId } from "../../ops/index.js";
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

export function placeValues(graph: Graph): Placement {
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
  return { maps, places };
}
