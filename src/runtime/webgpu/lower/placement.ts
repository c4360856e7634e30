/**
 * Before lowering: where the channels of every value lie, and which concat inputs are written straight into the concat's output.
 */

import { consumersOf, type Graph, overwrites, type ValueId } from "../../../ops/index.js";
import { concatPlaces, type Place, type Segments, segmentsOfValues } from "../../channels.js";

export interface Placement {
  /** Of the values that are stored in groups of four channels: all of rank 4. */
  readonly segments: ReadonlyMap<ValueId, Segments>;
  readonly places: ReadonlyMap<ValueId, Place>;
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
    const later = [...places].find(([, { parent, channel }]) => parent === place?.parent && channel === 0)?.[0];
    if (!place || later === undefined || first.attrs.start !== 0 || second.attrs.start !== first.attrs.end) continue;
    const [split, end] = [first.attrs.end, second.attrs.end];
    if (split % 4 !== 0 || place.channel !== split || end !== graph.values[both].shape[1]) continue;
    if (keep.has(first.outputs[0]) || keep.has(both) || graph.outputs.includes(both)) continue;
    if (!overwrites(graph, later, first.outputs[0])) continue;
    places.set(both, { parent: place.parent, channel: 0 });
    places.delete(second.outputs[0]);
  }
}

/** `keep`: values that nothing may overwrite. */
export function placeValues(graph: Graph, keep: ReadonlySet<ValueId> = new Set()): Placement {
  const segments = segmentsOfValues(graph, false);
  // A slice that is placed is copied into its concat.
  const places = concatPlaces(graph, segments, () => true);
  placeMerged(graph, places, keep);
  return { segments, places };
}
