/** Pass: an activation that alone reads a convolution's output moves into the convolution's epilogue. */

import type { Graph } from "../graph/graph.js";
import { GraphDraft } from "./rewrite.js";

export function fuseActivation(graph: Graph): Graph {
  const draft = new GraphDraft(graph);
  const uses = draft.useCounts();
  const producers = new Map(draft.nodes.flatMap((node) => node.outputs.map((id) => [id, node] as const)));
  draft.nodes = draft.nodes.map((node) => {
    if (node.type !== "activation") return node;
    const conv = producers.get(node.inputs[0]);
    if (conv?.type !== "conv2d" && conv?.type !== "convTranspose2d") return node;
    if (uses.get(node.inputs[0]) !== 1 || conv.attrs.activation.kind !== "identity") return node;
    if (conv.type === "conv2d" && conv.attrs.hasResidual) return node;
    const fused = { ...conv, outputs: node.outputs, attrs: { ...conv.attrs, activation: node.attrs.activation } };
    return fused as typeof conv;
  });
  return draft.finish();
}
