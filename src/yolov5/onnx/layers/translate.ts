/** The part of an ONNX graph that leads to given values, as steps of modules. */

import { CheckpointError } from "../../../errors.js";
import type { OnnxNode } from "../../../weights/onnx/types.js";
import type { FoldedGraph } from "../graph/foldedGraph.js";
import type { Match } from "./match.js";
import { matchOf } from "./operators.js";
import { Translation } from "./translation.js";

/**
 * Translates every node that the named values need, and no other.
 * @throws UnsupportedError that names the operator and node for whatever no network that is run here has.
 */
export function translate(graph: FoldedGraph, targets: readonly string[]): Translation {
  const needed = new Set(targets);
  const matched: { readonly node: OnnxNode; readonly match: Match }[] = [];
  for (let i = graph.model.nodes.length - 1; i >= 0; i--) {
    const node = graph.model.nodes[i];
    if (!node.outputs.some((name) => needed.has(name) && !graph.isConstant(name))) continue;
    const match = matchOf(graph, node);
    matched.push({ node, match });
    for (const name of match.inputs) needed.add(name);
  }
  const translation = new Translation(graph);
  for (const { match } of matched.reverse()) match.emit(translation);
  const { elementType } = graph.input;
  // From uint8 to int64.
  if (elementType > 1 && elementType < 8 && !translation.dividesPictures) {
    throw new CheckpointError("is an ONNX model for bytes that it does not divide by 255; export it again for floats");
  }
  return translation;
}
