/** ONNX exports that lie in one or two places: shapes, wiring, operators, attributes, constants, places of weights, bytes. */

import { allocate, type HostTensor, tensor } from "../../../src/tensor/index.js";
import { type AttributeValue, longs, type WrittenFile, type WrittenNode, writeOnnx } from "../../support/onnxWriter.js";
import { tinyExport } from "../../yolov5/onnx/tinyExport.js";
import type { Draw } from "../draw.js";

/** All that is read, and some that is not. */
const OPERATORS = [
  ...[
    "Conv",
    "ConvTranspose",
    "BatchNormalization",
    "Sigmoid",
    "Mul",
    "Add",
    "Sub",
    "Div",
    "Pow",
    "Concat",
    "Split",
    "Slice",
  ],
  ...["Reshape", "Transpose", "Softmax", "MatMul", "Gemm", "MaxPool", "Resize", "Upsample", "Pad", "GlobalAveragePool"],
  ...[
    "ReduceMean",
    "ReduceSum",
    "ReduceMax",
    "TopK",
    "ArgMax",
    "Gather",
    "GatherElements",
    "GatherND",
    "ScatterND",
    "Expand",
  ],
  ...["Tile", "Range", "ConstantOfShape", "Shape", "Where", "Equal", "Cast", "Clip", "Squeeze", "Unsqueeze", "Flatten"],
  ...["Identity", "Exp", "Floor", "Mod", "CumSum", "DepthToSpace", "SpaceToDepth", "LeakyRelu", "Erf", "Constant"],
  ...["NonMaxSuppression", "If", "QuantizeLinear", "LSTM", "Einsum"],
];
const ATTRIBUTES = [
  "axis",
  "axes",
  "perm",
  "pads",
  "strides",
  "kernel_shape",
  "group",
  "split",
  "to",
  "keepdims",
  "mode",
  "k",
];

type File = ReturnType<typeof tinyExport>;
type Change = (draw: Draw, file: WrittenFile) => WrittenFile;

const valuesOf = ({ nodes, constants }: WrittenFile): string[] => [
  "images",
  "",
  "nowhere",
  ...Object.keys(constants ?? {}),
  ...nodes.flatMap(({ outputs }) => outputs),
];

const small = (draw: Draw): number =>
  draw.weighted([
    [6, draw.between(-3, 9)],
    [1, draw.odd()],
    [1, -draw.odd()],
  ]);

const attribute = (draw: Draw): AttributeValue =>
  draw.weighted<() => AttributeValue>([
    [4, () => small(draw)],
    [4, () => draw.several(0, 6, () => small(draw))],
    [1, () => draw.text()],
    [1, () => ({ float: draw.pick([0, 0.5, 1e30, Number.NaN, -1]) })],
    [1, () => ({ tensor: constant(draw) })],
  ])();

function constant(draw: Draw): HostTensor {
  const shape = draw.several(0, 4, () => draw.between(0, 4));
  const count = shape.reduce((a, b) => a * b, 1);
  if (draw.chance(0.5)) return longs(...draw.several(0, 5, () => small(draw)));
  const dtype = draw.pick(["float32", "int32", "float16", "bool", "uint8", "float64"] as const);
  return tensor(dtype, shape, allocate(dtype, count));
}

function changedNode(draw: Draw, node: WrittenNode, values: readonly string[]): WrittenNode {
  return draw.weighted<() => WrittenNode>([
    [4, () => ({ ...node, inputs: node.inputs.map((name) => (draw.chance(0.4) ? draw.pick(values) : name)) })],
    [3, () => ({ ...node, operator: draw.pick(OPERATORS) })],
    [3, () => ({ ...node, attributes: { ...node.attributes, [draw.pick(ATTRIBUTES)]: attribute(draw) } })],
    [1, () => ({ ...node, inputs: node.inputs.slice(draw.between(0, 2)) })],
    [1, () => ({ ...node, outputs: [...node.outputs, ...draw.several(0, 2, () => draw.pick(values))] })],
    [1, () => ({ ...node, name: draw.text(), domain: draw.pick(["", "ai.onnx", "com.microsoft", draw.text()]) })],
  ])();
}

/** One node in place of another, or before the one that reads it. */
const changeNodes: Change = (draw, file) => {
  const values = valuesOf(file);
  const at = draw.below(file.nodes.length);
  const nodes = file.nodes.map((node, i) => (i === at ? changedNode(draw, node, values) : node));
  return { ...file, nodes };
};

const insertNode: Change = (draw, file) => {
  const at = draw.below(file.nodes.length);
  const reader = file.nodes[at];
  const inputs = [reader.inputs[0], ...draw.several(0, 2, () => draw.pick(valuesOf(file)))];
  const node: WrittenNode = {
    operator: draw.pick(OPERATORS),
    inputs,
    outputs: ["inserted"],
    attributes: Object.fromEntries(draw.several(0, 3, () => [draw.pick(ATTRIBUTES), attribute(draw)])),
  };
  const changed = { ...reader, inputs: ["inserted", ...reader.inputs.slice(1)] };
  return { ...file, nodes: [...file.nodes.slice(0, at), node, changed, ...file.nodes.slice(at + 1)] };
};

const changeConstant: Change = (draw, file) => {
  const name = draw.pick(Object.keys(file.constants ?? {}));
  const { [name]: value, ...others } = file.constants ?? {};
  if (value && draw.chance(0.3)) return { ...file, constants: others, ...moved(draw, name, value) };
  return { ...file, constants: { ...others, [name]: constant(draw) } };
};

/** A constant in another file, which may not exist, or lie where nothing may be read. */
function moved(draw: Draw, name: string, { shape }: HostTensor): Pick<WrittenFile, "external"> {
  const location = draw.pick(["beside", "../beside", "/etc/passwd", "", draw.text()]);
  const entries = {
    location,
    ...(draw.chance(0.8) ? { offset: String(draw.lie(0)) } : {}),
    ...(draw.chance(0.8) ? { length: draw.chance(0.1) ? draw.text() : String(draw.lie(64)) } : {}),
  };
  return { external: { [name]: { shape: draw.chance(0.2) ? [draw.odd(), draw.odd()] : shape, entries } } };
}

const changePorts: Change = (draw, file) => {
  const shape = draw.several(0, 5, () =>
    draw.weighted<number | string>([
      [4, draw.between(0, 64)],
      [1, "open"],
      [1, draw.odd()],
      [1, -1],
    ]),
  );
  if (draw.chance(0.5)) return { ...file, inputs: { [draw.chance(0.8) ? "images" : draw.text()]: shape } };
  return { ...file, outputs: { [draw.pick(valuesOf(file))]: shape } };
};

const changeMetadata: Change = (draw, file) => {
  const key = draw.pick(["names", "stride", "task", "imgsz", "kpt_shape", "date", draw.text()]);
  const value = draw.pick([
    draw.text(),
    "{0: 'a', ",
    "[[[[",
    "{0: {1: {2: 3}}}",
    "segment",
    "obb",
    "[17, 3]",
    `{${draw.odd()}: 'x'}`,
  ]);
  return { ...file, metadata: { ...file.metadata, [key]: value } };
};

const changeOpset: Change = (draw, file) => ({ ...file, opset: draw.lie(file.opset ?? 13, 2 ** 31, 0.5) });

const CHANGES: readonly (readonly [weight: number, change: Change])[] = [
  [6, changeNodes],
  [4, insertNode],
  [4, changeConstant],
  [2, changePorts],
  [2, changeMetadata],
  [1, changeOpset],
];

export function onnxFile(draw: Draw): Uint8Array {
  let file: WrittenFile = draw.pick<() => File>([
    () => tinyExport({ opset: draw.pick([9, 10, 11, 13, 17, 21]) }),
    () => tinyExport({ opset: draw.pick([11, 13]), dynamic: true }),
  ])();
  for (
    let i = draw.weighted([
      [1, 0],
      [6, 1],
      [4, 2],
      [1, 6],
    ]);
    i > 0;
    i--
  )
    file = draw.weighted(CHANGES)(draw, file);
  const bytes = writeOnnx(file);
  if (draw.chance(0.15)) for (let i = draw.between(1, 4); i > 0; i--) bytes[draw.below(bytes.length)] = draw.below(256);
  return draw.chance(0.05) ? bytes.subarray(0, draw.below(bytes.length)) : bytes;
}
