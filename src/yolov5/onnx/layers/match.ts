/** How nodes are matched: the inputs of a pattern, and its translation. */

import type { OnnxNode } from "../../../weights/onnx/types.js";
import type { FoldedGraph } from "../graph/foldedGraph.js";
import type { Translation } from "./translation.js";

/** What a node, or the pattern that ends in it, reads, and how it is translated. */
export interface Match {
  readonly inputs: readonly string[];
  /** @throws UnsupportedError that names the operator and the node. */
  emit(translation: Translation): void;
}

/** Finds the match of a node; undefined if no supported network uses the operator in this way. */
export type Matcher = (graph: FoldedGraph, node: OnnxNode) => Match | undefined;

/** The node's inputs that are not constants. */
export function dataInputs(graph: FoldedGraph, node: OnnxNode): string[] {
  return node.inputs.filter((name) => name !== "" && !graph.isConstant(name));
}
