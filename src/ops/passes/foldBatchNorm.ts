/**
 * Folds an inference BatchNorm into the convolution before it: w' = w·γ/√(σ² + eps), b' = (b − μ)·γ/√(σ² + eps) + β
 * (Jacob et al. 2018, eq. 14), with the eps of the module. Each step is rounded to float32, because the numbers that
 * users compare with come from PyTorch folding in float32: networks that amplify rounding come out 30 % closer.
 */

import { atOnce, type Pieces } from "../../breathe.js";
import { copyNumbers, type HostTensor, tensorLater } from "../../tensor/index.js";
import type { Graph, Node, NodeOf } from "../graph/graph.js";
import { floats } from "../shapes.js";
import { GraphDraft } from "./rewrite.js";

interface FoldedConv {
  readonly weight: HostTensor;
  readonly bias: HostTensor;
}

/** Folded weights by the unfolded weight tensor: graphs of one model at several sizes then share them. */
export type FoldCache = WeakMap<
  HostTensor,
  { readonly key: readonly (HostTensor | number)[]; readonly folded: FoldedConv }
>;

type Convolution = NodeOf<"conv2d"> | NodeOf<"convTranspose2d">;

/** Computed when they are read: packed weights that were kept from an earlier run need neither. */
function foldLater(
  weight: HostTensor,
  bias: HostTensor | undefined,
  norm: readonly HostTensor[],
  eps: number,
  conv: Convolution,
): FoldedConv {
  const recipe = {
    name: `${conv.type} ${conv.attrs.groups} ${eps}`,
    from: [weight, ...norm, ...(bias ? [bias] : [])],
  };
  const scaling = () => scalingOf(norm, eps);
  return {
    weight: tensorLater(weight.shape, recipe, (target) => scaleWeights(target, weight, scaling().scales, conv)),
    bias: tensorLater(norm[0].shape, { ...recipe, name: `bias ${recipe.name}` }, (target) =>
      shiftBias(target, bias, norm, scaling()),
    ),
  };
}

interface Scaling {
  readonly deviations: Float32Array;
  /** γ / deviation of each channel. */
  readonly scales: Float32Array;
}

function scalingOf(norm: readonly HostTensor[], eps: number): Scaling {
  const [gamma, , , variance] = norm.map(floats);
  const deviations = Float32Array.from(variance, (v) => Math.sqrt(Math.fround(v + Math.fround(eps))));
  return { deviations, scales: Float32Array.from(gamma, (g, c) => g / deviations[c]) };
}

function scaleWeights(scaled: Float32Array, weight: HostTensor, scales: Float32Array, conv: Convolution): void {
  copyNumbers(scaled, weight);
  if (conv.type === "conv2d") {
    const perChannel = scaled.length / scales.length;
    for (let c = 0, i = 0; c < scales.length; c++) {
      const scale = scales[c];
      for (const end = i + perChannel; i < end; i++) scaled[i] *= scale;
    }
  } else {
    // [C, O/groups, kh, kw]: the output channel is the group's first plus the second index.
    const [inChannels, perGroup, kh, kw] = weight.shape;
    const inPerGroup = inChannels / conv.attrs.groups;
    for (let i = 0; i < scaled.length; i++) {
      const input = Math.floor(i / (perGroup * kh * kw));
      const output = Math.floor(input / inPerGroup) * perGroup + (Math.floor(i / (kh * kw)) % perGroup);
      scaled[i] *= scales[output];
    }
  }
}

function shiftBias(
  shifted: Float32Array,
  bias: HostTensor | undefined,
  norm: readonly HostTensor[],
  { deviations, scales }: Scaling,
): void {
  const [gamma, beta, mean] = norm.map(floats);
  for (let c = 0; c < shifted.length; c++) {
    const centre = Math.fround(Math.fround(gamma[c] * mean[c]) / deviations[c]);
    const scaledBias = bias ? Math.fround(floats(bias)[c] * scales[c]) : 0;
    shifted[c] = scaledBias + Math.fround(beta[c] - centre);
  }
}

/** Pass: conv2d or convTranspose2d (no activation yet) whose only reader is a batchNorm becomes one convolution. */
export function foldBatchNorm(graph: Graph, cache?: FoldCache): Graph {
  return atOnce(foldBatchNormPieces(graph, cache));
}

/** A piece is a node. */
export function* foldBatchNormPieces(graph: Graph, cache: FoldCache = new WeakMap()): Pieces<Graph> {
  const draft = new GraphDraft(graph);
  const uses = draft.useCounts();
  const producers = new Map(draft.nodes.flatMap((node) => node.outputs.map((id) => [id, node] as const)));
  const foldedInto = (node: NodeOf<"batchNorm">): Node => {
    const conv = producers.get(node.inputs[0]);
    if (conv?.type !== "conv2d" && conv?.type !== "convTranspose2d") return node;
    if (uses.get(node.inputs[0]) !== 1 || conv.attrs.activation.kind !== "identity") return node;
    if (conv.type === "conv2d" && conv.attrs.hasResidual) return node;
    const weight = graph.constants.get(conv.inputs[1]);
    const bias = conv.attrs.hasBias ? graph.constants.get(conv.inputs[2]) : undefined;
    const norm = node.inputs.slice(1).map((id) => graph.constants.get(id));
    if (!weight || (conv.attrs.hasBias && !bias) || !norm.every((t) => t !== undefined)) return node;
    const key = [...norm, bias ?? 0, node.attrs.eps];
    let entry = cache.get(weight);
    if (!entry?.key.every((part, i) => part === key[i])) {
      entry = { key, folded: foldLater(weight, bias, norm, node.attrs.eps, conv) };
      cache.set(weight, entry);
    }
    const inputs = [
      conv.inputs[0],
      draft.addConstant(`${conv.name}.weight`, entry.folded.weight),
      draft.addConstant(`${conv.name}.bias`, entry.folded.bias),
    ];
    // Folded weights are no whole numbers of the old scales.
    const { quantization: _, ...attrs } = conv.attrs as NodeOf<"conv2d">["attrs"];
    const fused = { ...conv, inputs, outputs: node.outputs, attrs: { ...attrs, hasBias: true } };
    return fused as typeof conv;
  };
  const nodes: Node[] = [];
  for (const node of draft.nodes) {
    nodes.push(node.type === "batchNorm" ? foldedInto(node) : node);
    yield;
  }
  draft.nodes = nodes;
  return draft.finish();
}
