/** The output shapes of a node, as far as they follow from shapes and constants. */

import {
  axisOf,
  broadcastShape,
  concatenatedShape,
  intAttribute,
  intsAttribute,
  reducedShape,
  reshapedShape,
  slicedAxes,
  splitSizes,
  squeezedShape,
  stringAttribute,
  transposedAxes,
  unsqueezedShape,
} from "../../../onnx/evaluate/index.js";
import { elementCount } from "../../../tensor/index.js";
import type { OnnxNode } from "../../../weights/onnx/types.js";

/** What inference needs to know about a node's inputs. */
export interface KnownValues {
  shapeOf(name: string): readonly number[] | undefined;
  constant(name: string): { readonly data: ArrayLike<number> } | undefined;
}

type Shape = readonly number[];
/** @param x shape of the first input. */
type Rule = (node: OnnxNode, x: Shape, known: KnownValues) => readonly Shape[] | undefined;

/** Integers from an attribute, or from the constant input that took its place in newer operator sets. */
export function constantInts(
  node: OnnxNode,
  known: KnownValues,
  attribute: string,
  index: number,
): readonly number[] | undefined {
  const name = node.inputs[index];
  const given = name ? known.constant(name) : undefined;
  return given ? Array.from(given.data) : intsAttribute(node, attribute);
}

const same: Rule = (_, x) => [x];

const broadcast: Rule = (node, x, known) => {
  const other = known.shapeOf(node.inputs[1]);
  return other && [broadcastShape(node, x, other)];
};

/** Paddings [before…, after…] of a window over `rank` dimensions. */
export function windowPads(node: OnnxNode, sizes: Shape, kernel: Shape, strides: Shape, dilations: Shape): number[] {
  const auto = stringAttribute(node, "auto_pad", "NOTSET");
  if (auto === "NOTSET" || auto === "") return [...(intsAttribute(node, "pads") ?? kernel.flatMap(() => [0, 0]))];
  if (auto === "VALID") return kernel.flatMap(() => [0, 0]);
  const totals = kernel.map((k, i) =>
    Math.max(0, (Math.ceil(sizes[i] / strides[i]) - 1) * strides[i] + dilations[i] * (k - 1) + 1 - sizes[i]),
  );
  const less = totals.map((total) => Math.floor(total / 2));
  const more = totals.map((total, i) => total - less[i]);
  return auto === "SAME_LOWER" ? [...more, ...less] : [...less, ...more];
}

const conv: Rule = (node, x, known) => {
  const weight = known.shapeOf(node.inputs[1]);
  if (!weight || weight.length !== x.length || x.length < 3) return undefined;
  const kernel = weight.slice(2);
  const strides = intsAttribute(node, "strides") ?? kernel.map(() => 1);
  const dilations = intsAttribute(node, "dilations") ?? kernel.map(() => 1);
  const pads = windowPads(node, x.slice(2), kernel, strides, dilations);
  const sides = kernel.map((k, i) =>
    Math.floor((x[i + 2] + pads[i] + pads[i + kernel.length] - dilations[i] * (k - 1) - 1) / strides[i] + 1),
  );
  return [[x[0], weight[0], ...sides]];
};

const convTranspose: Rule = (node, x, known) => {
  const weight = known.shapeOf(node.inputs[1]);
  if (!weight || weight.length !== x.length || x.length < 3) return undefined;
  const kernel = weight.slice(2);
  const ones = kernel.map(() => 1);
  const [strides, dilations] = [intsAttribute(node, "strides") ?? ones, intsAttribute(node, "dilations") ?? ones];
  const pads = intsAttribute(node, "pads") ?? kernel.flatMap(() => [0, 0]);
  const more = intsAttribute(node, "output_padding") ?? kernel.map(() => 0);
  const sides = kernel.map(
    (k, i) => (x[i + 2] - 1) * strides[i] + more[i] + (k - 1) * dilations[i] + 1 - pads[i] - pads[i + kernel.length],
  );
  return [[x[0], weight[1] * intAttribute(node, "group", 1), ...sides]];
};

const pool: Rule = (node, x) => {
  const kernel = intsAttribute(node, "kernel_shape");
  if (!kernel || kernel.length !== x.length - 2) return undefined;
  const ones = kernel.map(() => 1);
  const [strides, dilations] = [intsAttribute(node, "strides") ?? ones, intsAttribute(node, "dilations") ?? ones];
  const pads = windowPads(node, x.slice(2), kernel, strides, dilations);
  const round = intAttribute(node, "ceil_mode", 0) === 1 ? Math.ceil : Math.floor;
  const sides = kernel.map((k, i) => {
    const size = x[i + 2];
    const steps = round((size + pads[i] + pads[i + kernel.length] - dilations[i] * (k - 1) - 1) / strides[i]) + 1;
    // As PyTorch: a last window must begin within the input or the padding before it.
    return round === Math.ceil && (steps - 1) * strides[i] >= size + pads[i] ? steps - 1 : steps;
  });
  return [[x[0], x[1], ...sides]];
};

const resize: Rule = (node, x, known) => {
  const upsample = node.operator === "Upsample";
  const sizes = node.inputs[3] ? known.constant(node.inputs[3]) : undefined;
  if (sizes) return [Array.from(sizes.data)];
  const scales = known.constant(node.inputs[upsample || node.inputs.length === 2 ? 1 : 2] ?? "");
  if (scales?.data.length !== x.length) return undefined;
  return [x.map((size, i) => Math.floor(size * scales.data[i]))];
};

const matMul: Rule = (node, x, known) => {
  const y = known.shapeOf(node.inputs[1]);
  if (!y || x.length < 2 || y.length < 2) return undefined;
  return [[...broadcastShape(node, x.slice(0, -2), y.slice(0, -2)), x[x.length - 2], y[y.length - 1]]];
};

const gemm: Rule = (node, x, known) => {
  const y = known.shapeOf(node.inputs[1]);
  if (!y || x.length !== 2 || y.length !== 2) return undefined;
  return [[x[intAttribute(node, "transA", 0)], y[1 - intAttribute(node, "transB", 0)]]];
};

const slice: Rule = (node, x, known) => {
  const ints = (attribute: string, index: number) => constantInts(node, known, attribute, index);
  const [starts, ends] = [ints("starts", 1), ints("ends", 2)];
  if (!starts || !ends) return undefined;
  const shape = [...x];
  for (const { axis, count } of slicedAxes(node, x, starts, ends, ints("axes", 3), ints("steps", 4)))
    shape[axis] = count;
  return [shape];
};

const split: Rule = (node, x, known) => {
  const axis = axisOf(node, intAttribute(node, "axis", 0), x.length);
  const sizes = splitSizes(node, x[axis], constantInts(node, known, "split", 1), node.outputs.length);
  return sizes.map((size) => x.map((n, i) => (i === axis ? size : n)));
};

const reduce: Rule = (node, x, known) => {
  const axes = constantInts(node, known, "axes", 1);
  return [reducedShape(node, x, axes, intAttribute(node, "keepdims", 1) === 1).shape];
};

const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ...[
    ...[
      "Identity",
      "Dropout",
      "Cast",
      "BatchNormalization",
      "LayerNormalization",
      "Softmax",
      "Sigmoid",
      "Relu",
      "LeakyRelu",
    ],
    ...[
      "HardSwish",
      "HardSigmoid",
      "Mish",
      "Gelu",
      "Elu",
      "Tanh",
      "Softplus",
      "Clip",
      "Exp",
      "Erf",
      "Sqrt",
      "Neg",
      "Abs",
    ],
  ].map((operator): [string, Rule] => [operator, same]),
  ...["Add", "Sub", "Mul", "Div", "Pow", "Max", "Min"].map((operator): [string, Rule] => [operator, broadcast]),
  ["Conv", conv],
  ["ConvTranspose", convTranspose],
  ["MaxPool", pool],
  ["AveragePool", pool],
  ["GlobalAveragePool", (_, x) => [[x[0], x[1], ...x.slice(2).map(() => 1)]]],
  ["Resize", resize],
  ["Upsample", resize],
  ["MatMul", matMul],
  ["Gemm", gemm],
  ["Slice", slice],
  ["Split", split],
  ["ReduceMean", reduce],
  ["ReduceSum", reduce],
  ["ReduceMax", reduce],
  [
    "Concat",
    (node, _, known) => {
      const shapes = node.inputs.map((name) => known.shapeOf(name)).filter((shape) => shape !== undefined);
      if (shapes.length !== node.inputs.length) return undefined;
      return [concatenatedShape(node, shapes, intAttribute(node, "axis", 0))];
    },
  ],
  [
    "Reshape",
    (node, x, known) => {
      const wanted = known.constant(node.inputs[1] ?? "");
      const zero = intAttribute(node, "allowzero", 0) === 1;
      return wanted && [reshapedShape(node, x, Array.from(wanted.data), zero)];
    },
  ],
  ["Transpose", (node, x) => [transposedAxes(node, x.length, intsAttribute(node, "perm")).map((axis) => x[axis])]],
  [
    "Flatten",
    (node, x) => {
      const axis = intAttribute(node, "axis", 1);
      const at = axis < 0 ? axis + x.length : axis;
      return [[elementCount(x.slice(0, at)), elementCount(x.slice(at))]];
    },
  ],
  [
    "Unsqueeze",
    (node, x, known) => {
      const axes = constantInts(node, known, "axes", 1);
      return axes && [unsqueezedShape(node, x, axes)];
    },
  ],
  ["Squeeze", (node, x, known) => [squeezedShape(node, x, constantInts(node, known, "axes", 1))]],
  [
    "Pad",
    (node, x, known) => {
      const pads = constantInts(node, known, "pads", 1);
      return pads?.length === 2 * x.length ? [x.map((size, i) => size + pads[i] + pads[i + x.length])] : undefined;
    },
  ],
  [
    "SpaceToDepth",
    (node, [n, c, h, w]) => {
      const block = intAttribute(node, "blocksize", 1);
      return [[n, c * block * block, h / block, w / block]];
    },
  ],
  [
    "DepthToSpace",
    (node, [n, c, h, w]) => {
      const block = intAttribute(node, "blocksize", 1);
      return [[n, c / (block * block), h * block, w * block]];
    },
  ],
]);

/** One shape per output; undefined if it cannot be inferred. @throws UnsupportedError for contradictory shapes. */
export function inferShapes(node: OnnxNode, known: KnownValues): readonly Shape[] | undefined {
  const rule = node.domain === "" ? RULES.get(node.operator) : undefined;
  const x = known.shapeOf(node.inputs[0] ?? "");
  const shapes = rule && x && rule(node, x, known);
  const fits = (shape: Shape): boolean => shape.every((size) => Number.isSafeInteger(size) && size >= 0);
  return shapes?.every(fits) ? shapes : undefined;
}
