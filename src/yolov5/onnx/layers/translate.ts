/** The part of an ONNX graph that leads to given values, as steps of modules. */

import { CheckpointError } from "../../../errors.js";
import type { OnnxNode } from "../../../weights/onnx/types.js";
import type { FoldedGraph } from "../graph/foldedGraph.js";
import type { Match } from "./match.js";
import { matchOf } from "./operators.js";
import { Translation } from "./translation.js";

/** TensorProto.DataType: uint8, int8, uint16, int16, int32, int64. */
const INTEGERS: ReadonlySet<number> = new Set([2, 3, 4, 5, 6, 7]);

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
  if (INTEGERS.has(graph.input.elementType) && !translation.dividesPictures) {
    throw new CheckpointError(
      "is an ONNX model for pictures of whole numbers that it does not divide by 255, so it is unknown how it prepares them; export the model again for float pictures",
    );
  }
  return translation;
}
