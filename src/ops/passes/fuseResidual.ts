/**
 * Pass: `x + conv(…)` (a bottleneck's shortcut) becomes the convolution's residual input, added after its activation.
 * The sum keeps its value id, so it stays readable under its name.
 */

import type { Graph, Node } from "../graph/graph.js";
import { GraphDraft } from "./rewrite.js";

export function fuseResidual(graph: Graph): Graph {
  const draft = new GraphDraft(graph);
  const uses = draft.useCounts();
  const position = new Map(draft.nodes.flatMap((node, index) => node.outputs.map((id) => [id, index] as const)));
  const fusedConvs = new Set<number>();
  draft.nodes = draft.nodes.map((node, index): Node => {
    if (node.type !== "add" || node.inputs.length !== 2 || node.inputs[0] === node.inputs[1]) return node;
    // The later of the two producers can take the earlier one's value as its residual.
    const candidates = [1, 0]
      .map((side) => ({ side, at: position.get(node.inputs[side]) ?? -1 }))
      .sort((a, b) => b.at - a.at);
    const { side, at } = candidates[0];
    const conv = at >= 0 && at < index ? draft.nodes[at] : undefined;
    if (conv?.type !== "conv2d" || conv.attrs.hasResidual || fusedConvs.has(at)) return node;
    if (uses.get(node.inputs[side]) !== 1) return node;
    fusedConvs.add(at);
    return {
      ...conv,
      inputs: [...conv.inputs, node.inputs[1 - side]],
      outputs: node.outputs,
      attrs: { ...conv.attrs, hasResidual: true },
    };
  });
  return draft.finish();
}
