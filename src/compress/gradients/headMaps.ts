/** A network up to what can be differentiated: the maps that its head decodes, or the logits of classes. */

import { UnsupportedError } from "../../errors.js";
import { type Graph, type NodeOf, producersOf, type ValueId } from "../../ops/index.js";
import type { ModuleNode } from "../../weights/types.js";
import { buildGraph } from "../../yolov5/graph/buildGraph.js";

export type Head = NodeOf<"detect"> | NodeOf<"detectAnchorFree">;

/** As built; outputs are the head's inputs, then those that are not decoded: prototypes of masks. */
export interface HeadMaps {
  readonly graph: Graph;
  /** Undefined for classification, whose only output are the logits. */
  readonly head: Head | undefined;
}

/**
 * @param shape input [N, 3, H, W]
 * @throws UnsupportedError for a head that is neither.
 */
export function headMaps(module: ModuleNode, shape: readonly [number, number, number, number]): HeadMaps {
  const { graph, head: facts } = buildGraph(module, shape);
  const head = graph.nodes.find((node): node is Head => node.type === "detect" || node.type === "detectAnchorFree");
  if (head) {
    const outputs = [...head.inputs, ...graph.outputs.filter((id) => !head.outputs.includes(id))];
    return { graph: cut(graph, outputs), head };
  }
  if (facts.kind !== "classify") throw new UnsupportedError("gradients: this network's head cannot be differentiated");
  const last = producersOf(graph).get(graph.outputs[0]);
  const node = last === undefined ? undefined : graph.nodes[last];
  const outputs = node?.type === "softmax" ? [node.inputs[0]] : graph.outputs;
  return { graph: cut(graph, outputs), head: undefined };
}

/** What some values depend on. */
function cut(graph: Graph, outputs: readonly ValueId[]): Graph {
  const live = new Set(outputs);
  const kept = [...graph.nodes].reverse().filter((node) => {
    if (!node.outputs.some((id) => live.has(id))) return false;
    for (const id of node.inputs) live.add(id);
    return true;
  });
  return { ...graph, nodes: kept.reverse(), outputs, taps: new Map() };
}
