/**
 * Decided before any step is written: in which segments each rank-4 value keeps its channels, and which values are
 * written straight into their slice of a concatenation.
 */

import { type Graph, type Node, producersOf, type ValueId } from "../../../ops/index.js";
import { joinSegments, type Segment, sameSegments, sliceSegments } from "./layout.js";

export interface ChannelPlan {
  readonly segments: ReadonlyMap<ValueId, readonly Segment[]>;
  /** Value → concatenation that it is a slice of, and its place among the inputs. */
  readonly placed: ReadonlyMap<
    ValueId,
    { readonly parent: ValueId; readonly index: number; readonly inputs: readonly ValueId[] }
  >;
}

function isRank4(graph: Graph, id: ValueId): boolean {
  return graph.values[id].shape.length === 4;
}

/** Whether the node's output is only another view of its input. */
export function isAlias(node: Node, segmentsOf: (id: ValueId) => readonly Segment[] | undefined): boolean {
  const input = segmentsOf(node.inputs[0]);
  switch (node.type) {
    case "activation":
      return node.attrs.activation.kind === "identity";
    case "sliceChannels":
      return input !== undefined && sliceSegments(input, node.attrs.start, node.attrs.end) !== undefined;
    case "upsampleNearest":
      return node.attrs.scale[0] === 1 && node.attrs.scale[1] === 1;
    case "concat":
      return node.inputs.length === 1;
    default:
      return false;
  }
}

export function planChannels(graph: Graph): ChannelPlan {
  const segments = new Map<ValueId, readonly Segment[]>();
  const single = (id: ValueId): Segment[] => [{ start: 0, count: graph.values[id].shape[1] }];
  const of = (id: ValueId): readonly Segment[] => segments.get(id) ?? single(id);
  for (const id of graph.inputs) if (isRank4(graph, id)) segments.set(id, single(id));
  for (const node of graph.nodes) {
    const [output] = node.outputs;
    if (!isRank4(graph, output)) continue;
    segments.set(output, segmentsOfOutput(node, of, single(output)));
  }

  const producers = producersOf(graph);
  const placed = new Map<ValueId, { parent: ValueId; index: number; inputs: readonly ValueId[] }>();
  for (const node of [...graph.nodes].reverse()) {
    if (node.type !== "concat" || node.attrs.axis !== 1 || node.inputs.length < 2) continue;
    const [parent] = node.outputs;
    if (!isRank4(graph, parent)) continue;
    node.inputs.forEach((id, index) => {
      const producer = producers.get(id);
      if (producer === undefined || placed.has(id)) return;
      if (isAlias(graph.nodes[producer], (v) => segments.get(v))) return;
      placed.set(id, { parent, index, inputs: node.inputs });
    });
  }
  return { segments, placed };
}

function segmentsOfOutput(
  node: Node,
  of: (id: ValueId) => readonly Segment[],
  single: readonly Segment[],
): readonly Segment[] {
  const input = of(node.inputs[0]);
  switch (node.type) {
    case "activation":
    case "maxPool2d":
    case "upsampleNearest":
    case "scale":
    case "pad2d":
    case "globalAveragePool":
    case "batchNorm":
      return input;
    case "add":
      return node.inputs.every((id) => sameSegments(of(id), input)) ? input : single;
    case "concat":
      return node.attrs.axis === 1 ? joinSegments(node.inputs.map(of)) : single;
    case "sliceChannels":
      return sliceSegments(input, node.attrs.start, node.attrs.end)?.segments ?? single;
    case "spaceToDepth":
      return joinSegments(new Array<readonly Segment[]>(node.attrs.block ** 2).fill(input));
    default:
      return single;
  }
}
