/** ONNX's operators → modules and views: the part of the network that each node stands for. */

import { refuse } from "../../../onnx/evaluate/index.js";
import type { OnnxNode } from "../../../weights/onnx/types.js";
import type { FoldedGraph } from "../graph/foldedGraph.js";
import { activationAt, scalarOf } from "../graph/patterns.js";
import { refusalOf } from "../graph/refusals.js";
import { attentionAt } from "./attention.js";
import { convolutions } from "./layerOperators.js";
import { dataInputs, type Match, type Matcher } from "./match.js";
import { activationModule, moduleOf } from "./modules.js";
import { moves } from "./moveOperators.js";
import type { Translation } from "./translation.js";
import { isWhole, type View, viewOf } from "./views.js";

/** Sums of pictures; a constant is added channel by channel. */
const add: Matcher = (graph, node) => {
  const data = dataInputs(graph, node);
  if (data.length === 1) return affine(graph, node, data[0], 1, 1);
  const [a, b] = data;
  return {
    inputs: data,
    emit(t) {
      const [x, y] = [t.view(a), t.view(b)];
      const alike = isWhole(x) && JSON.stringify([x.dimensions, x.offset]) === JSON.stringify([y.dimensions, y.offset]);
      const sum = moduleOf("yolov5_ts.Sum");
      if (alike && String(x.picture.shape) === String(y.picture.shape)) {
        t.set(node.outputs[0], viewOf(x, t.add(node, sum, [x.picture, y.picture], x.picture.shape)));
      } else t.give(node, sum, [t.picture(node, x), t.picture(node, y)]);
    },
  };
};

/** The channel's own number in a constant that is broadcast over a view; undefined if it changes from pixel to pixel. */
function perChannel(graph: FoldedGraph, name: string, view: View): ((channel: number) => number) | undefined {
  const constant = graph.constant(name);
  if (!constant) return undefined;
  const { data, shape } = constant;
  if (data.length === 1) return () => data[0];
  const from = shape.findIndex((size) => size > 1);
  const axis = from + view.dimensions.length - shape.length;
  const [, c, h, w] = view.picture.shape;
  const factors = view.dimensions[axis] ?? [];
  const along = factors.length === 1 && factors[0].size === c && factors[0].step === h * w;
  return data.length === c && shape[from] === c && along && isWhole(view) ? (channel) => data[channel] : undefined;
}

/** value·weight^±1 + ±constant, whichever the operator is. */
function affine(graph: FoldedGraph, node: OnnxNode, data: string, ofData: number, ofConstant: number): Match {
  const constant = node.inputs[0] === data ? node.inputs[1] : node.inputs[0];
  return {
    inputs: [data],
    emit(t) {
      const view = t.view(data);
      const number =
        perChannel(graph, constant, view) ?? refuse(node, "adds a constant that differs from pixel to pixel");
      if (ofData === 1 && t.addBias(node, data, (channel) => ofConstant * number(channel))) return;
      t.giveAffine(
        node,
        view,
        () => ofData,
        (channel) => ofConstant * number(channel),
      );
    },
  };
}

const sub: Matcher = (graph, node) => {
  const data = dataInputs(graph, node);
  if (data.length !== 1) return undefined;
  return node.inputs[0] === data[0] ? affine(graph, node, data[0], 1, -1) : affine(graph, node, data[0], -1, 1);
};

/** Whether a product is an export's own preparation of pictures from 0 to 255. Layers of YOLO never divide them again. */
function takesBytes(t: Translation, { picture }: View, factor: (channel: number) => number): boolean {
  const near = (channel: number): boolean => Math.abs(255 * factor(channel) - 1) < 1e-3;
  if (picture.id !== -1 || ![...Array(picture.shape[1]).keys()].every(near)) return false;
  t.dividesPictures = true;
  return true;
}

/** Products with constants. */
const product: Matcher = (graph, node) => {
  const data = dataInputs(graph, node);
  const divides = node.operator === "Div";
  if (data.length !== 1 || (divides && node.inputs[0] !== data[0])) return undefined;
  const constant = node.inputs[0] === data[0] ? node.inputs[1] : node.inputs[0];
  const scalar = scalarOf(graph, constant);
  return {
    inputs: data,
    emit(t) {
      const view = t.view(data[0]);
      if (scalar !== undefined) {
        const factor = divides ? 1 / scalar : scalar;
        if (factor === 1 || takesBytes(t, view, () => factor)) t.set(node.outputs[0], view);
        else t.giveElementwise(node, () => moduleOf("yolov5_ts.Scale", { attributes: { factor } }), view);
        return;
      }
      const number =
        perChannel(graph, constant, view) ?? refuse(node, "multiplies by a constant that differs from pixel to pixel");
      const factor = (channel: number): number => (divides ? 1 / number(channel) : number(channel));
      if (takesBytes(t, view, factor)) t.set(node.outputs[0], view);
      else t.giveAffine(node, view, factor);
    },
  };
};

const OPERATORS: ReadonlyMap<string, Matcher> = new Map<string, Matcher>([
  ...convolutions,
  ...moves,
  ["Add", add],
  ["Sub", sub],
  ["Mul", product],
  ["Div", product],
]);

/**
 * @throws UnsupportedError that names the operator and the node, for those that no YOLO of these families has.
 */
export function matchOf(graph: FoldedGraph, node: OnnxNode): Match {
  const found = activationAt(graph, node);
  if (found) {
    const { activation, input } = found;
    const emit = (t: Translation): void => t.giveElementwise(node, () => activationModule(activation), t.view(input));
    return { inputs: [input], emit };
  }
  const match = attentionAt(graph, node) ?? OPERATORS.get(node.operator)?.(graph, node);
  return match ?? refuse(node, refusalOf(node));
}
