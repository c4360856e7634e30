/** Operators that compute: convolutions, pools, normalisations, matrices with constants. */

import {
  axisOf,
  floatAttribute,
  intAttribute,
  intsAttribute,
  refuse,
  stringAttribute,
} from "../../../onnx/evaluate/index.js";
import type { Pair } from "../../../ops/index.js";
import type { HostTensor } from "../../../tensor/index.js";
import { toFloat32 } from "../../../tensor/index.js";
import type { OnnxNode } from "../../../weights/onnx/types.js";
import type { FoldedGraph } from "../graph/foldedGraph.js";
import { constantInts, windowPads } from "../graph/inferShapes.js";
import type { Matcher } from "./match.js";
import { type ConvAttributes, convOf, moduleOf } from "./modules.js";
import type { Translation } from "./translation.js";
import { type Picture, reshapeView, tokenChannels, type View, wholePicture } from "./views.js";

/** A constant tensor that an operator needs. */
function weightOf(graph: FoldedGraph, node: OnnxNode, index: number): HostTensor {
  const name = node.inputs[index];
  const found = name ? graph.tensor(name) : undefined;
  return found ?? refuse(node, `input ${index} must be a constant, the weights of a layer`);
}

const optionalWeight = (graph: FoldedGraph, node: OnnxNode, index: number): HostTensor | undefined =>
  node.inputs[index] ? weightOf(graph, node, index) : undefined;

function pairOf(node: OnnxNode, attribute: string, fallback: Pair): Pair {
  const found = intsAttribute(node, attribute);
  if (!found) return fallback;
  return found.length === 2 ? [found[0], found[1]] : refuse(node, `${attribute} must be two numbers`);
}

/** One side of symmetric paddings; others become a separate module before the window. */
function settlePads(t: Translation, node: OnnxNode, x: Picture, pads: readonly number[]): [Picture, Pair] {
  const [top, left, bottom, right] = pads;
  if (pads.length !== 4 || pads.some((pad) => !(Number.isInteger(pad) && pad >= 0)))
    refuse(node, `pads ${pads.join(", ")}`);
  if (top === bottom && left === right) return [x, [top, left]];
  return [paddedBy(t, node, x, [left, right, top, bottom]), [0, 0]];
}

export function paddedBy(
  t: Translation,
  node: OnnxNode,
  x: Picture,
  [left, right, top, bottom]: readonly [number, number, number, number],
): Picture {
  const [n, c, h, w] = x.shape;
  const module = moduleOf("torch.nn.ZeroPad2d", { attributes: { padding: [left, right, top, bottom] } });
  return t.add(node, module, [x], [n, c, h + top + bottom, w + left + right]);
}

const conv: Matcher = (graph, node) => ({
  inputs: [node.inputs[0]],
  emit(t) {
    const { input, module } = convLayer(graph, node, t);
    t.give(node, module, [input]);
  },
});

/** The module of a convolution, and the picture it reads. */
export function convLayer(graph: FoldedGraph, node: OnnxNode, t: Translation) {
  const weight = weightOf(graph, node, 1);
  const x = t.picture(node, t.view(node.inputs[0]));
  if (weight.shape.length !== 4)
    refuse(node, `its weights are ${weight.shape.join("×")}; layers of YOLO are two-dimensional`);
  const kernel = weight.shape.slice(2);
  const stride = pairOf(node, "strides", [1, 1]);
  const dilation = pairOf(node, "dilations", [1, 1]);
  const pads = windowPads(node, x.shape.slice(2), kernel, stride, dilation);
  const [input, padding] = settlePads(t, node, x, pads);
  const attributes: ConvAttributes = { stride, padding, dilation, groups: intAttribute(node, "group", 1) };
  return { input, module: convOf(weight, optionalWeight(graph, node, 2), attributes) };
}

const convTranspose: Matcher = (graph, node) => ({
  inputs: [node.inputs[0]],
  emit(t) {
    const weight = weightOf(graph, node, 1);
    const auto = stringAttribute(node, "auto_pad", "NOTSET");
    if (intsAttribute(node, "output_shape") || !["NOTSET", "", "VALID"].includes(auto)) {
      refuse(node, "it gives its output size instead of its padding");
    }
    const pads = intsAttribute(node, "pads") ?? [0, 0, 0, 0];
    if (pads.length !== 4 || pads[0] !== pads[2] || pads[1] !== pads[3]) refuse(node, `pads ${pads.join(", ")}`);
    const module = moduleOf("torch.nn.ConvTranspose2d", {
      attributes: {
        stride: pairOf(node, "strides", [1, 1]),
        dilation: pairOf(node, "dilations", [1, 1]),
        output_padding: pairOf(node, "output_padding", [0, 0]),
        padding: [pads[0], pads[1]],
        groups: intAttribute(node, "group", 1),
      },
      parameters: { weight, bias: optionalWeight(graph, node, 2) },
    });
    t.give(node, module, [t.picture(node, t.view(node.inputs[0]))]);
  },
});

const batchNorm: Matcher = (graph, node) => ({
  inputs: [node.inputs[0]],
  emit(t) {
    const [weight, bias, mean, variance] = [1, 2, 3, 4].map((index) => weightOf(graph, node, index));
    const module = moduleOf("torch.nn.BatchNorm2d", {
      attributes: { eps: floatAttribute(node, "epsilon", 1e-5) },
      parameters: { weight, bias },
      buffers: { running_mean: mean, running_var: variance },
    });
    t.give(node, module, [t.picture(node, t.view(node.inputs[0]))]);
  },
});

const maxPool: Matcher = (_, node) => ({
  inputs: [node.inputs[0]],
  emit(t) {
    const kernel = pairOf(node, "kernel_shape", [0, 0]);
    const stride = pairOf(node, "strides", [1, 1]);
    const dilation = pairOf(node, "dilations", [1, 1]);
    const x = t.picture(node, t.view(node.inputs[0]));
    const [top, left, bottom, right] = windowPads(node, x.shape.slice(2), kernel, stride, dilation);
    const padding: Pair = [top, left];
    // Sizes rounded up are also written as more padding at the end.
    const [, , height, width] = t.pictureShape(node);
    const rounded = [height, width].every((size, axis) => {
      const reach = dilation[axis] * (kernel[axis] - 1) + 1;
      const steps = Math.ceil((x.shape[axis + 2] + 2 * padding[axis] - reach) / stride[axis]) + 1;
      return size === ((steps - 1) * stride[axis] >= x.shape[axis + 2] + padding[axis] ? steps - 1 : steps);
    });
    const symmetric = top === bottom && left === right;
    if (!symmetric && !(rounded && bottom >= top && right >= left)) {
      refuse(node, `pads ${[top, left, bottom, right].join(", ")} are not symmetric`);
    }
    const ceil = !symmetric || intAttribute(node, "ceil_mode", 0) === 1;
    const attributes = { kernel_size: kernel, stride, padding, dilation, ceil_mode: ceil };
    t.give(node, moduleOf("torch.nn.MaxPool2d", { attributes }), [x]);
  },
});

/** The mean of every map, in whatever shape the node outputs it. */
function giveMeans(t: Translation, node: OnnxNode): void {
  const x = t.picture(node, t.view(node.inputs[0]));
  const [n, c] = x.shape;
  const module = moduleOf("torch.nn.AdaptiveAvgPool2d", { attributes: { output_size: 1 } });
  const means = wholePicture(t.add(node, module, [x], [n, c, 1, 1]));
  t.set(node.outputs[0], viewAs(node, means, t.graph.shapeOf(node.outputs[0]) ?? [n, c, 1, 1]));
}

/** @throws UnsupportedError if a view cannot take the shape. */
export function viewAs(node: OnnxNode, view: View, shape: readonly number[]): View {
  return reshapeView(view, shape) ?? refuse(node, `cannot be seen as ${shape.join("×")} without moving numbers`);
}

const globalPool: Matcher = (_, node) => ({ inputs: [node.inputs[0]], emit: (t) => giveMeans(t, node) });

const reduceMean: Matcher = (graph, node) => {
  const axes = constantInts(node, graph, "axes", 1)
    ?.map((axis) => axisOf(node, axis, 4))
    .sort();
  return String(axes) === "2,3" ? globalPool(graph, node) : undefined;
};

/** A matrix with constants: every token, or the only pixel, through one linear layer. */
function giveLinear(t: Translation, node: OnnxNode, weight: HostTensor<"float32">, bias: HostTensor | undefined): void {
  const view = t.view(node.inputs[0]);
  const last = view.dimensions.length - 1;
  const { picture } = view;
  const [n, c, h, w] = picture.shape;
  const [outputs, inputs] = weight.shape;
  const shape = t.graph.shapeOf(node.outputs[0]) ?? refuse(node, "the shape of its output is not known");
  const plane = view.dimensions.findIndex((factors, axis) => axis !== last && factors[0]?.step === 1);
  const pixels = h * w === 1 ? undefined : plane;
  const lead = view.dimensions.flatMap((_, axis) => (axis === last || axis === pixels ? [] : [axis]));
  const channels = pixels === -1 ? undefined : tokenChannels(view, { channels: [last], pixels, lead });
  if (!channels || channels.length !== inputs) refuse(node, "its input is not a list of pixels with their channels");
  const module = moduleOf("torch.nn.Linear", { parameters: { weight, bias } });
  const output = t.add(node, module, [t.channels(node, picture, channels)], [n, outputs, h, w]);
  const moved = view.dimensions.map((factors, axis) =>
    axis === last
      ? outputs === 1
        ? []
        : [{ size: outputs, step: h * w }]
      : factors.map(({ size, step }) => ({ size, step: step === c * h * w ? outputs * h * w : step })),
  );
  t.set(node.outputs[0], viewAs(node, { picture: output, dimensions: moved, offset: 0 }, shape));
}

/** [inputs, outputs] → [outputs, inputs], each number times a factor. */
function transposed(t: Translation, matrix: HostTensor, factor: number, flip: boolean): HostTensor<"float32"> {
  if (flip || factor !== 1) t.charge(4 * matrix.data.length);
  const { data, shape } = toFloat32(matrix);
  const [rows, columns] = shape;
  if (!flip) return { dtype: "float32", shape, data: factor === 1 ? data : data.map((x) => x * factor) };
  const out = new Float32Array(data.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) out[c * rows + r] = data[r * columns + c] * factor;
  return { dtype: "float32", shape: [columns, rows], data: out };
}

const gemm: Matcher = (graph, node) => ({
  inputs: [node.inputs[0]],
  emit(t) {
    const matrix = weightOf(graph, node, 1);
    const bias = optionalWeight(graph, node, 2);
    if (intAttribute(node, "transA", 0) !== 0 || matrix.shape.length !== 2)
      refuse(node, "its operands are not a matrix of weights and an input");
    const weight = transposed(t, matrix, floatAttribute(node, "alpha", 1), intAttribute(node, "transB", 0) === 0);
    const outputs = weight.shape[0];
    const beta = floatAttribute(node, "beta", 1);
    if (bias && (beta !== 1 || bias.data.length !== outputs)) refuse(node, "its bias does not fit its weights");
    giveLinear(t, node, weight, bias && { ...toFloat32(bias), shape: [outputs] });
  },
});

const matMul: Matcher = (graph, node) => {
  if (!graph.isConstant(node.inputs[1])) return undefined;
  return {
    inputs: [node.inputs[0]],
    emit(t) {
      const matrix = weightOf(graph, node, 1);
      if (matrix.shape.length !== 2) refuse(node, `its weights are ${matrix.shape.join("×")}`);
      giveLinear(t, node, transposed(t, matrix, 1, true), undefined);
    },
  };
};

export const convolutions: readonly (readonly [string, Matcher])[] = [
  ["Conv", conv],
  ["ConvTranspose", convTranspose],
  ["BatchNormalization", batchNorm],
  ["MaxPool", maxPool],
  ["GlobalAveragePool", globalPool],
  ["ReduceMean", reduceMean],
  ["Gemm", gemm],
  ["MatMul", matMul],
];
