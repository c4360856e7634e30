/** Every op of the graph IR as ONNX operators. */

import { type Node, type NodeOf, OPS, type TensorDesc } from "../ops/index.js";
import type { HostTensor } from "../tensor/index.js";
import { lowerActivation } from "./activations.js";
import { lowerDetect } from "./detect.js";
import { lowerDetectAnchorFree } from "./detectAnchorFree.js";
import type { OnnxGraph } from "./onnxGraph.js";
import { quantizedOperands } from "./quantizedConv.js";

/** What a node reads: names of computed values and of constants, which are written when their names are first asked for. */
export interface Operands {
  readonly descs: readonly TensorDesc[];
  name(index: number): string;
  constant(index: number): HostTensor | undefined;
}

/**
 * Adds a node's operators and returns the name of its output.
 * @param quantized convolutions that the graph describes in integers are written so
 */
export function lowerNode(g: OnnxGraph, node: Node, operands: Operands, quantized: boolean): string {
  const { name } = node;
  if (node.type === "conv2d") return lowerConv(g, node, operands, quantized);
  const { descs } = operands;
  const inputs = node.inputs.map((_, i) => operands.name(i));
  const [x] = inputs;
  const shapes = descs.map(({ shape }) => shape);
  switch (node.type) {
    case "convTranspose2d": {
      const { attrs } = node;
      const out = g.node("ConvTranspose", inputs, `${name}.convTranspose`, {
        ...windowAttributes(attrs, shapes[1]),
        output_padding: attrs.outputPadding,
      });
      return lowerActivation(g, out, attrs.activation, name);
    }
    case "batchNorm":
      return g.node("BatchNormalization", inputs, name, { epsilon: { float: node.attrs.eps } });
    case "activation":
      return lowerActivation(g, x, node.attrs.activation, name);
    case "maxPool2d":
      return lowerMaxPool(g, node, x, descs[0]);
    case "upsampleNearest": {
      const scales = g.floats([1, 1, ...node.attrs.scale], [4]);
      return g.node("Resize", [x, "", scales], name, {
        mode: "nearest",
        coordinate_transformation_mode: "asymmetric",
        nearest_mode: "floor",
      });
    }
    case "concat":
      return g.node("Concat", inputs, name, { axis: node.attrs.axis });
    case "add":
      return inputs.slice(1).reduce((sum, term) => g.node("Add", [sum, term], name), x);
    case "scale":
      return g.node("Mul", [x, g.floats([node.attrs.factor])], name);
    case "pad2d":
      return lowerPad(g, node, x, shapes[0]);
    case "spaceToDepth":
      return lowerSpaceToDepth(g, node, x, shapes[0]);
    case "depthToSpace":
      return g.node("DepthToSpace", [x], name, { blocksize: node.attrs.block, mode: "DCR" });
    case "globalAveragePool":
      return g.node("GlobalAveragePool", [x], name);
    case "flatten":
      return g.node("Flatten", [x], name, { axis: 1 });
    case "softmax":
      return g.node("Softmax", [x], name, { axis: node.attrs.axis });
    case "layerNorm":
      return lowerLayerNorm(g, node, inputs, shapes[0][1]);
    case "attention":
      return lowerAttention(g, node, inputs, shapes[0], shapes[2]);
    case "sliceChannels": {
      const { start, end } = node.attrs;
      return g.node("Slice", [x, g.longs([start]), g.longs([end]), g.longs([1])], name);
    }
    case "detect":
      return lowerDetect(g, node, inputs, shapes);
    case "detectAnchorFree":
      return lowerDetectAnchorFree(g, node, inputs, shapes);
  }
}

function windowAttributes(
  attrs: NodeOf<"conv2d">["attrs"] | NodeOf<"convTranspose2d">["attrs"],
  weight: readonly number[],
) {
  return {
    kernel_shape: weight.slice(2),
    strides: attrs.stride,
    pads: [...attrs.padding, ...attrs.padding],
    dilations: attrs.dilation,
    group: attrs.groups,
  };
}

function lowerConv(g: OnnxGraph, node: NodeOf<"conv2d">, operands: Operands, quantized: boolean): string {
  const { attrs, name } = node;
  const constants = { weight: operands.constant(1), bias: attrs.hasBias ? operands.constant(2) : undefined };
  const inputs =
    (quantized ? quantizedOperands(g, node, { x: operands.name(0), ...constants }) : undefined) ??
    Array.from({ length: attrs.hasBias ? 3 : 2 }, (_, i) => operands.name(i));
  const conv = g.node("Conv", inputs, `${name}.conv`, windowAttributes(attrs, operands.descs[1].shape));
  const out = lowerActivation(g, conv, attrs.activation, name);
  return attrs.hasResidual ? g.node("Add", [out, operands.name(node.inputs.length - 1)], `${name}.sum`) : out;
}

/**
 * Output sizes rounded up are written as more padding at the end: runtimes do not agree on ONNX's `ceil_mode`, where
 * PyTorch drops a last window that would start in the padding.
 */
function lowerMaxPool(g: OnnxGraph, node: NodeOf<"maxPool2d">, x: string, input: TensorDesc): string {
  const { attrs, name } = node;
  const { kernel, stride, padding, dilation } = attrs;
  const [output] = OPS.maxPool2d.infer([input], attrs, name);
  const after = ([0, 1] as const).map((axis) => {
    const reach = dilation[axis] * (kernel[axis] - 1) + 1;
    const end = (output.shape[axis + 2] - 1) * stride[axis] + reach;
    return Math.max(padding[axis], end - input.shape[axis + 2] - padding[axis]);
  });
  return g.node("MaxPool", [x], name, {
    kernel_shape: kernel,
    strides: stride,
    pads: [...padding, ...after],
    dilations: dilation,
  });
}

/**
 * Rows and columns that are added are concatenated: ONNX Runtime (1.30) merges a Pad with zeros into a MaxPool after it,
 * whose own padding is −∞, and so gives other numbers where a map is negative (YOLOv3-tiny). Cropping stays a Pad.
 */
function lowerPad(g: OnnxGraph, node: NodeOf<"pad2d">, x: string, shape: readonly number[]): string {
  const { attrs, name } = node;
  const [left, right, top, bottom] = attrs.padding;
  if (attrs.padding.some((size) => size < 0)) {
    const pads = g.longs([0, 0, top, left, 0, 0, bottom, right]);
    return g.node("Pad", [x, pads, g.floats([attrs.value])], name, { mode: "constant" });
  }
  const [n, c, h, w] = shape;
  const border = (rows: number, columns: number): string[] => {
    const count = n * c * rows * columns;
    return count === 0 ? [] : [g.floats(new Array<number>(count).fill(attrs.value), [n, c, rows, columns])];
  };
  const tall = [...border(top, w), x, ...border(bottom, w)];
  const padded = tall.length === 1 ? x : g.node("Concat", tall, `${name}.rows`, { axis: 2 });
  const wide = [...border(top + h + bottom, left), padded, ...border(top + h + bottom, right)];
  return wide.length === 1 ? padded : g.node("Concat", wide, name, { axis: 3 });
}

function lowerSpaceToDepth(g: OnnxGraph, node: NodeOf<"spaceToDepth">, x: string, shape: readonly number[]): string {
  const { attrs, name } = node;
  const { block, order } = attrs;
  const [n, c, h, w] = shape;
  const [oh, ow] = [h / block, w / block];
  const blocks = g.node("Reshape", [x, g.longs([n, c, oh, block, ow, block])], `${name}.blocks`);
  const perm = order === "focus" ? [0, 5, 3, 1, 2, 4] : [0, 3, 5, 1, 2, 4];
  const moved = g.node("Transpose", [blocks], `${name}.moved`, { perm });
  return g.node("Reshape", [moved, g.longs([n, c * block * block, oh, ow])], name);
}

/** LayerNormalization came with opset 17, and works on the last axes only. */
function lowerLayerNorm(g: OnnxGraph, node: NodeOf<"layerNorm">, inputs: readonly string[], channels: number): string {
  const { attrs, name } = node;
  const [x, weight, bias] = inputs;
  const mean = (of: string, output: string): string => g.node("ReduceMean", [of], output, { axes: [1], keepdims: 1 });
  const centred = g.node("Sub", [x, mean(x, `${name}.mean`)], `${name}.centred`);
  const variance = mean(g.node("Mul", [centred, centred], `${name}.squares`), `${name}.variance`);
  const padded = g.node("Add", [variance, g.floats([attrs.eps])], `${name}.padded`);
  const normal = g.node("Div", [centred, g.node("Sqrt", [padded], `${name}.deviation`)], `${name}.normal`);
  const perChannel = (vector: string): string =>
    g.node("Reshape", [vector, g.longs([1, channels, 1, 1])], `${vector}.nchw`);
  return g.node("Add", [g.node("Mul", [normal, perChannel(weight)], `${name}.scaled`), perChannel(bias)], name);
}

function lowerAttention(
  g: OnnxGraph,
  node: NodeOf<"attention">,
  inputs: readonly string[],
  keys: readonly number[],
  values: readonly number[],
): string {
  const { attrs, name } = node;
  const [n, c, h, w] = values;
  const size = keys[1] / attrs.heads;
  const [q, k, v] = inputs.map((x, i) =>
    g.node("Reshape", [x, g.longs([n, attrs.heads, i < 2 ? size : c / attrs.heads, h * w])], `${name}.${"qkv"[i]}`),
  );
  const rows = g.node("Transpose", [q], `${name}.rows`, { perm: [0, 1, 3, 2] });
  const scores = g.node("MatMul", [rows, k], `${name}.scores`);
  const scaled = g.node("Mul", [scores, g.floats([1 / Math.sqrt(size)])], `${name}.scaled`);
  const weights = g.node("Softmax", [scaled], `${name}.weights`, { axis: 3 });
  const columns = g.node("Transpose", [weights], `${name}.columns`, { perm: [0, 1, 3, 2] });
  return g.node("Reshape", [g.node("MatMul", [v, columns], `${name}.heads`), g.longs([n, c, h, w])], name);
}
