/** What each op refuses, and that the message names op, rule, values and node. */

import { describe, expect, it } from "vitest";
import { AttributeError, EngineError, ShapeError } from "../../src/errors.js";
import { GraphBuilder, OPS, type OpAttributes, type OpType, type TensorDesc } from "../../src/ops/index.js";

type Shapes = readonly (readonly number[])[];
type Refusal = readonly [
  op: OpType,
  shapes: Shapes,
  attrs: unknown,
  error: typeof ShapeError | typeof AttributeError,
  message: string,
];

const conv = {
  stride: [1, 1],
  padding: [0, 0],
  dilation: [1, 1],
  groups: 1,
  activation: { kind: "identity" },
  hasBias: false,
  hasResidual: false,
};
const transposed = { ...conv, outputPadding: [0, 0] };
const pool = { kernel: [2, 2], stride: [2, 2], padding: [0, 0], dilation: [1, 1], ceilMode: false };
const anchorFree = { strides: [8], bins: [], classes: 3, extras: 0, keypointSize: 0, corners: false };
const X = [1, 6, 8, 8];

const REFUSALS: readonly Refusal[] = [
  [
    "conv2d",
    [
      [6, 8, 8],
      [4, 6, 3, 3],
    ],
    conv,
    ShapeError,
    "input must be NCHW, got 6×8×8",
  ],
  ["conv2d", [X, [4, 6]], conv, ShapeError, "weight must be OIHW, got 4×6"],
  ["conv2d", [X], conv, ShapeError, "weight must be OIHW, got nothing"],
  ["conv2d", [X, [4, 3, 3, 3]], conv, ShapeError, "input channels 6 must equal weight channels 3 × groups 1"],
  ["conv2d", [X, [4, 2, 3, 3]], { ...conv, groups: 3 }, ShapeError, "output channels 4 must be divisible by groups 3"],
  [
    "conv2d",
    [X, [3, 4, 1, 1]],
    { ...conv, groups: 1.5 },
    AttributeError,
    "groups must be a whole number of at least 1, got 1.5",
  ],
  [
    "conv2d",
    [X, [4, 6, 1, 1]],
    { ...conv, groups: 0 },
    AttributeError,
    "groups must be a whole number of at least 1, got 0",
  ],
  ["conv2d", [X, [4, 6, 9, 3]], conv, ShapeError, "input 8×8 is smaller than the 9×3 kernel"],
  ["conv2d", [X, [4, 6, 1, 1], [4]], conv, ShapeError, "needs 2 inputs, got 3"],
  ["conv2d", [X, [4, 6, 1, 1], [5]], { ...conv, hasBias: true }, ShapeError, "bias must be [4], got 5"],
  [
    "conv2d",
    [X, [4, 6, 1, 1], [1, 4, 8, 7]],
    { ...conv, hasResidual: true },
    ShapeError,
    "residual must be 1×4×8×8, got 1×4×8×7",
  ],
  [
    "conv2d",
    [X, [4, 6, 1, 1]],
    { ...conv, stride: [0, 1] },
    AttributeError,
    "stride must be integers of at least 1, got [0,1]",
  ],
  [
    "conv2d",
    [X, [4, 6, 1, 1]],
    { ...conv, padding: [-1, 0] },
    AttributeError,
    "padding must be integers of at least 0, got [-1,0]",
  ],
  [
    "conv2d",
    [X, [4, 6, 1, 1]],
    { ...conv, dilation: [1, 1.5] },
    AttributeError,
    "dilation must be integers of at least 1, got [1,1.5]",
  ],
  [
    "conv2d",
    [X, [4, 6, 1, 1]],
    { ...conv, activation: { kind: "leakyRelu", slope: Number.NaN } },
    AttributeError,
    "leakyRelu needs a finite parameter, got NaN",
  ],
  ["convTranspose2d", [X, [4, 6, 2, 2]], transposed, ShapeError, "input channels 6 must equal weight channels 4"],
  ["convTranspose2d", [X, [6, 6]], transposed, ShapeError, "weight must be IOHW, got 6×6"],
  [
    "convTranspose2d",
    [X, [6, 1, 2, 2]],
    { ...transposed, groups: 4 },
    ShapeError,
    "input channels 6 must be divisible by groups 4",
  ],
  [
    "convTranspose2d",
    [X, [6, 2, 2, 2], [3]],
    { ...transposed, groups: 2, hasBias: true },
    ShapeError,
    "bias must be [4], got 3",
  ],
  [
    "convTranspose2d",
    [X, [6, 2, 2, 2]],
    { ...transposed, hasBias: true },
    ShapeError,
    "needs 3 inputs (x, weight, bias), got 2",
  ],
  [
    "convTranspose2d",
    [X, [6, 2, 2, 2]],
    { ...transposed, outputPadding: [1, 0] },
    AttributeError,
    "outputPadding [1,0] must be smaller than stride [1,1] or dilation [1,1]",
  ],
  [
    "convTranspose2d",
    [X, [6, 2, 1, 1]],
    { ...transposed, padding: [4, 0] },
    ShapeError,
    "output 0×8 of input 8×8 would be empty",
  ],
  [
    "batchNorm",
    [X, [6], [6], [6]],
    { eps: 1e-3 },
    ShapeError,
    "needs 5 inputs (x, weight, bias, mean, variance), got 4",
  ],
  ["batchNorm", [X, [6], [6], [5], [6]], { eps: 1e-3 }, ShapeError, "mean must be [6], got 5"],
  ["batchNorm", [X, [6], [6], [6], [6]], { eps: -1 }, AttributeError, "eps must not be negative, got -1"],
  ["activation", [], { activation: { kind: "silu" } }, ShapeError, "needs 1 input (x), got 0"],
  [
    "activation",
    [X],
    { activation: { kind: "elu", alpha: Number.POSITIVE_INFINITY } },
    AttributeError,
    "elu needs a finite parameter, got Infinity",
  ],
  ["maxPool2d", [[6, 8]], pool, ShapeError, "input must be NCHW, got 6×8"],
  ["maxPool2d", [X], { ...pool, padding: [2, 0] }, ShapeError, "padding 2 must be at most half the kernel 2"],
  ["maxPool2d", [X], { ...pool, kernel: [9, 9] }, ShapeError, "input 8×8 is smaller than the kernel 9,9"],
  ["maxPool2d", [X], { ...pool, stride: [0, 0] }, AttributeError, "stride must be integers of at least 1, got [0,0]"],
  ["upsampleNearest", [[1, 2]], { scale: [2, 2] }, ShapeError, "input must be NCHW, got 1×2"],
  ["upsampleNearest", [X], { scale: [1.5, 2] }, AttributeError, "scale must be integers of at least 1, got [1.5,2]"],
  ["concat", [], { axis: 1 }, ShapeError, "needs at least one input"],
  ["concat", [X, [1, 6, 8, 7]], { axis: 1 }, ShapeError, "1×6×8×7 does not fit 1×6×8×8 along axis 1"],
  ["concat", [X], { axis: 4 }, ShapeError, "axis 4 is not one of 1×6×8×8"],
  ["add", [X], {}, ShapeError, "needs 2 or more inputs, got 1"],
  ["add", [X, X, [1, 6, 8, 1]], {}, ShapeError, "1×6×8×1 must equal 1×6×8×8"],
  ["scale", [X], { factor: Number.NaN }, AttributeError, "factor must be finite, got NaN"],
  ["pad2d", [X], { padding: [-4, -4, 0, 0], value: 0 }, ShapeError, "padding [-4,-4,0,0] does not fit 8×8"],
  ["spaceToDepth", [[1, 6, 8, 7]], { block: 2, order: "focus" }, ShapeError, "8×7 is not divisible by 2"],
  ["depthToSpace", [X], { block: 2 }, ShapeError, "6 channels are not divisible by 2²"],
  ["globalAveragePool", [[6]], {}, ShapeError, "input must be NCHW, got 6"],
  ["flatten", [[]], {}, ShapeError, "a scalar has no first axis"],
  ["softmax", [X], { axis: -1 }, ShapeError, "axis -1 is not one of 1×6×8×8"],
  ["layerNorm", [X, [6], [5]], { eps: 1e-5 }, ShapeError, "bias must be [6], got 5"],
  ["layerNorm", [X, [6]], { eps: 1e-5 }, ShapeError, "needs 3 inputs (x, weight, bias), got 2"],
  ["attention", [X, X], { heads: 2 }, ShapeError, "needs q, k and v, got 2 inputs"],
  ["attention", [X, X, [1, 6, 8, 4]], { heads: 2 }, ShapeError, "1×6×8×4 must equal 1×6×8×8"],
  [
    "attention",
    [X, X, X],
    { heads: 4 },
    AttributeError,
    "6 channels of keys and 6 of values must be divisible by 4 heads",
  ],
  ["sliceChannels", [X], { start: 2, end: 7 }, AttributeError, "[2, 7) is not within 6 channels"],
  ["sliceChannels", [X], { start: 3, end: 3 }, AttributeError, "[3, 3) is not within 6 channels"],
  [
    "detect",
    [],
    { anchors: [], strides: [], outputs: 6, maskCoefficients: 0 },
    ShapeError,
    "needs one map a level, got none",
  ],
  [
    "detect",
    [X],
    { anchors: [[1, 2]], strides: [8, 16], outputs: 6, maskCoefficients: 0 },
    ShapeError,
    "1 maps need as many anchor lists (1) and strides (2)",
  ],
  [
    "detect",
    [X],
    { anchors: [[1, 2, 3, 4]], strides: [8], outputs: 6, maskCoefficients: 0 },
    ShapeError,
    "level 0 has 6 channels, not 2 anchors × 6 outputs",
  ],
  [
    "detect",
    [X],
    { anchors: [[1, 2]], strides: [8], outputs: 6, maskCoefficients: 1 },
    AttributeError,
    "6 outputs leave no class",
  ],
  [
    "detect",
    [X, [2, 6, 4, 4]],
    {
      anchors: [
        [1, 2],
        [1, 2],
      ],
      strides: [8, 16],
      outputs: 6,
      maskCoefficients: 0,
    },
    ShapeError,
    "level 1 holds 2 pictures, level 0 1",
  ],
  ["detectAnchorFree", [[1, 4, 8, 8]], anchorFree, ShapeError, "1 levels need 2 maps each, got 1 in all"],
  ["detectAnchorFree", [[1, 4, 8, 8]], anchorFree, ShapeError, "1 levels need 2 maps each, got 1 in all"],
  ["detectAnchorFree", [X, X], { ...anchorFree, classes: 0 }, AttributeError, "0 classes and 0 further values"],
  ["detectAnchorFree", [[1, 4, 8, 8], X], anchorFree, ShapeError, "map 1 has 6 channels, not 3"],
];

describe("infer refuses what does not fit", () => {
  it.each(REFUSALS)("%s %j", (type, shapes, attrs, kind, message) => {
    const infer = OPS[type].infer as (inputs: readonly TensorDesc[], attrs: unknown, node: string) => unknown;
    const inputs = shapes.map((shape): TensorDesc => ({ shape, dtype: "float32" }));
    let thrown: unknown;
    try {
      infer(inputs, attrs, "model.9.cv1");
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(kind);
    const error = thrown as EngineError;
    expect(error).toBeInstanceOf(EngineError);
    expect(error.message.startsWith(`${type}: `)).toBe(true);
    expect(error.message).toContain(message);
    expect(error.message.endsWith("(model.9.cv1)")).toBe(true);
    expect(error.message).not.toContain("\n");
  });

  it("has a refusal for every op", () => {
    expect([...new Set(REFUSALS.map(([op]) => op))].sort()).toEqual(Object.keys(OPS).sort());
  });
});

describe("GraphBuilder", () => {
  it("checks each node as it is added and names it", () => {
    const builder = new GraphBuilder();
    const x = builder.input("images", { shape: [1, 3, 8, 8], dtype: "float32" });
    const attrs: OpAttributes["concat"] = { axis: 1 };
    const y = builder.input("other", { shape: [1, 3, 4, 8], dtype: "float32" });
    expect(() => builder.add("concat", "model.12", [x, y], attrs)).toThrow(
      "concat: 1×3×4×8 does not fit 1×3×8×8 along axis 1 (model.12)",
    );
  });

  it("refuses outputs that are not values", () => {
    expect(() => new GraphBuilder().finish([3])).toThrow("graph: output 3 is not a value of the graph");
  });

  it("makes one constant of the same tensor, and float32 of half floats", () => {
    const cache = new WeakMap();
    const weight = { dtype: "float16", shape: [1], data: Uint16Array.of(0x3c00) } as const;
    const builder = new GraphBuilder(cache);
    const id = builder.constant("w", weight);
    expect(builder.constant("again", weight)).toBe(id);
    const other = new GraphBuilder(cache);
    const otherId = other.constant("w", weight);
    const [a, b] = [builder.finish([id]).constants.get(id), other.finish([otherId]).constants.get(otherId)];
    expect(a).toBe(b);
    expect(a?.dtype).toBe("float32");
    expect(a?.data[0]).toBe(1);
  });
});
