/** Attention as exporters write it: two products of matrices with a softmax between, around reshapes and transposes. */

import { axisOf, intAttribute, intsAttribute, refuse, transposedAxes } from "../../../onnx/evaluate/index.js";
import type { OnnxNode } from "../../../weights/onnx/types.js";
import type { FoldedGraph } from "../graph/foldedGraph.js";
import { behindCasts, makerOf, scalarOf } from "../graph/patterns.js";
import { viewAs } from "./layerOperators.js";
import type { Match } from "./match.js";
import { moduleOf } from "./modules.js";
import type { Translation } from "./translation.js";
import { type Picture, tokenChannels } from "./views.js";

/** The weights of an attention: softmax over the keys of scale · queries × keys. */
interface Scores {
  readonly queries: string;
  readonly keys: string;
  readonly scale: number;
  /** Whether keys come before queries in the matrix. */
  readonly keysFirst: boolean;
}

function scoresAt(graph: FoldedGraph, name: string): Scores | undefined {
  const rank = graph.shapeOf(name)?.length ?? 0;
  const transpose = makerOf(graph, name, "Transpose");
  const keysFirst = transpose !== undefined;
  if (transpose) {
    const axes = transposedAxes(transpose, rank, intsAttribute(transpose, "perm"));
    const swaps = axes.every((axis, i) => axis === (i < rank - 2 ? i : i === rank - 2 ? rank - 1 : rank - 2));
    if (!swaps) return undefined;
  }
  const softmax = makerOf(graph, transpose ? transpose.inputs[0] : name, "Softmax");
  if (!softmax || axisOf(softmax, intAttribute(softmax, "axis", graph.model.opset >= 13 ? -1 : 1), rank) !== rank - 1) {
    return undefined;
  }
  let scale = 1;
  let product = graph.maker(behindCasts(graph, softmax.inputs[0]));
  while (product?.operator === "Mul" || product?.operator === "Div") {
    const [a, b] = product.inputs;
    const after = scalarOf(graph, b);
    const before = product.operator === "Mul" ? scalarOf(graph, a) : undefined;
    if (after === undefined && before === undefined) return undefined;
    scale *= product.operator === "Div" ? 1 / (after ?? 1) : (after ?? before ?? 1);
    product = graph.maker(behindCasts(graph, after === undefined ? b : a));
  }
  if (product?.operator !== "MatMul") return undefined;
  return { queries: product.inputs[0], keys: product.inputs[1], scale, keysFirst };
}

/** The attention whose last product this node is; undefined for any other. */
export function attentionAt(graph: FoldedGraph, node: OnnxNode): Match | undefined {
  if (node.operator !== "MatMul") return undefined;
  const [a, b] = node.inputs;
  const first = scoresAt(graph, a);
  const scores = first ?? scoresAt(graph, b);
  // The sum must run over the keys.
  if (!scores || scores.keysFirst === (first !== undefined)) return undefined;
  const values = first ? b : a;
  return {
    inputs: [scores.queries, scores.keys, values],
    emit: (t) => giveAttention(t, node, scores, values, first !== undefined),
  };
}

/** @param rowsAreQueries whether the result is [queries, channels] and not [channels, queries]. */
function giveAttention(t: Translation, node: OnnxNode, scores: Scores, values: string, rowsAreQueries: boolean): void {
  const channels = (
    name: string,
    pixelsFirst: boolean,
  ): { picture: Picture; list: readonly number[]; size: number } => {
    const view = t.view(name);
    const rank = view.dimensions.length;
    const [pixels, depth] = pixelsFirst ? [rank - 2, rank - 1] : [rank - 1, rank - 2];
    const lead = Array.from({ length: rank - 2 }, (_, axis) => axis);
    const list = tokenChannels(view, { channels: [depth], pixels, lead });
    if (!list) refuse(node, "its operands are not all pixels with the channels of heads");
    const size = view.dimensions[depth].reduce((count, factor) => count * factor.size, 1);
    return { picture: t.channels(node, view.picture, list), list, size };
  };
  const q = channels(scores.queries, true);
  const k = channels(scores.keys, false);
  const v = channels(values, rowsAreQueries);
  const heads = q.list.length / q.size;
  const [n, , h, w] = q.picture.shape;
  const fits =
    Number.isInteger(heads) &&
    k.size === q.size &&
    k.list.length === q.list.length &&
    v.list.length === heads * v.size &&
    String([k.picture, v.picture].map(({ shape }) => [shape[2], shape[3]])) ===
      String([
        [h, w],
        [h, w],
      ]);
  if (!fits) refuse(node, "its queries, keys and values do not match");
  // The module divides by the root of a head's size; any other factor of the file comes before it.
  const factor = scores.scale * Math.sqrt(q.size);
  const queries =
    Math.abs(factor - 1) < 1e-6
      ? q.picture
      : t.add(node, moduleOf("yolov5_ts.Scale", { attributes: { factor } }), [q.picture], q.picture.shape);
  const attention = moduleOf("yolov5_ts.ScaledDotProduct", { attributes: { heads } });
  const depth = heads * v.size;
  const picture = t.add(node, attention, [queries, k.picture, v.picture], [n, depth, h, w]);
  const plane = h * w;
  const pixels = { size: plane, step: 1 };
  const inHead = { size: v.size, step: plane };
  const dimensions = [
    [{ size: n, step: depth * plane }],
    [{ size: heads, step: v.size * plane }],
    [rowsAreQueries ? pixels : inHead],
    [rowsAreQueries ? inHead : pixels],
  ];
  const shape = t.graph.shapeOf(node.outputs[0]) ?? refuse(node, "the shape of its output is not known");
  t.set(node.outputs[0], viewAs(node, { picture, dimensions, offset: 0 }, shape));
}
