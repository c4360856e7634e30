/**
 * Decided before any step is written: where each picture keeps its channels, and which values are written straight into their
 * slice of a concat.
 */

import type { Graph, Node, ValueId } from "../../../ops/index.js";
import { concatPlaces, type Place, type Segments, segmentsOfValues, sliceSegments } from "../../channels.js";

export interface ChannelPlan {
  readonly segments: ReadonlyMap<ValueId, Segments>;
  readonly places: ReadonlyMap<ValueId, Place>;
}

/** Whether the node's output is only another view of its input. */
function isAlias(node: Node, segments: ReadonlyMap<ValueId, Segments>): boolean {
  switch (node.type) {
    case "activation":
      return node.attrs.activation.kind === "identity";
    case "sliceChannels": {
      const input = segments.get(node.inputs[0]);
      return input !== undefined && sliceSegments(input, node.attrs.start, node.attrs.end) !== undefined;
    }
    case "upsampleNearest":
      return node.attrs.scale[0] === 1 && node.attrs.scale[1] === 1;
    case "concat":
      return node.inputs.length === 1;
    default:
      return false;
  }
}

export function planChannels(graph: Graph): ChannelPlan {
  const segments = segmentsOfValues(graph, true);
  const movable = (node: Node, concat: Node): boolean => !isAlias(concat, segments) && !isAlias(node, segments);
  return { segments, places: concatPlaces(graph, segments, movable) };
}
