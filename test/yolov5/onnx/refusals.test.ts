/** Files that are no export of YOLO, or hold what this engine does not run: one sentence, with operator and node. */

import { describe, expect, it } from "vitest";
import { CheckpointError } from "../../../src/errors.js";
import { openOnnx } from "../../../src/yolov5/onnx/index.js";
import { type WrittenFile, type WrittenNode, writeOnnx } from "../../support/onnxWriter.js";
import { randomTensor } from "../../support/random.js";
import { tinyExport } from "./tinyExport.js";

const tiny = tinyExport();

/** The file with the node that gives `output` changed. */
function withNode(output: string, change: Partial<WrittenNode>): WrittenFile {
  const nodes = tiny.nodes.map((node) => (node.outputs[0] === output ? { ...node, ...change } : node));
  return { ...tiny, nodes };
}

/** The output of the first node of an operator. */
const first = (operator: string): string => tiny.nodes.find((node) => node.operator === operator)?.outputs[0] ?? "";

/** More nodes behind the network's own output. */
function followedBy(nodes: readonly WrittenNode[], constants: WrittenFile["constants"] = {}, rank = 3): WrittenFile {
  const shape = Array.from({ length: rank }, (_, i) => `d${i}`);
  return {
    ...tiny,
    nodes: [...tiny.nodes, ...nodes],
    constants: { ...tiny.constants, ...constants },
    outputs: { boxes: shape },
  };
}

/** A classifier: convolution, mean, linear layer. */
function classifier(metadata: Readonly<Record<string, string>>, more: Partial<WrittenFile> = {}): WrittenFile {
  return {
    nodes: [
      {
        operator: "Conv",
        inputs: ["images", "w"],
        outputs: ["x"],
        attributes: { strides: [8, 8] },
        name: "/stem/Conv",
      },
      { operator: "GlobalAveragePool", inputs: ["x"], outputs: ["mean"] },
      { operator: "Flatten", inputs: ["mean"], outputs: ["flat"] },
      { operator: "Gemm", inputs: ["flat", "m"], outputs: ["scores"], attributes: { transB: 1 } },
    ],
    constants: { w: randomTensor([4, 3, 8, 8], 1), m: randomTensor([5, 4], 2) },
    outputs: { scores: [1, 5] },
    metadata,
    ...more,
  };
}

const noMetadata = { ...tiny, metadata: {} };

const REFUSED: readonly (readonly [what: string, file: WrittenFile, message: RegExp])[] = [
  [
    "suppression of ONNX",
    followedBy([{ operator: "NonMaxSuppression", inputs: ["output0"], outputs: ["boxes"], name: "/nms" }]),
    /operator NonMaxSuppression \(\/nms\): NMS is part of the file; export the model again without it/,
  ],
  [
    "suppression of TensorRT",
    followedBy([{ operator: "EfficientNMS_TRT", domain: "TRT", inputs: ["output0"], outputs: ["boxes"] }]),
    /operator TRT\.EfficientNMS_TRT \(.*\): NMS is part of the file/,
  ],
  [
    "an operator of another domain",
    withNode(first("Sigmoid"), { operator: "Swish", domain: "org.example", name: "/act" }),
    /operator org\.example\.Swish \(\/act\): is not a standard ONNX operator; export the model again/,
  ],
  [
    "an operator of ONNX Runtime",
    withNode(first("Sigmoid"), { operator: "FastGelu", domain: "com.microsoft", name: "/act" }),
    /operator com\.microsoft\.FastGelu \(\/act\): ONNX Runtime put it there; give the export/,
  ],
  [
    "an operator that no YOLO has",
    withNode(first("MaxPool"), { operator: "LSTM", name: "/rnn" }),
    /cannot be run: operator LSTM \(\/rnn\): is not used in this way by any YOLO/,
  ],
  [
    "an operator in the decoding that no YOLO has",
    withNode("output0", { operator: "Einsum", name: "/last" }),
    /operator Einsum \(\/last\): is not used for decoding by any YOLO export/,
  ],
  [
    "an average pool",
    withNode(first("MaxPool"), { operator: "AveragePool" }),
    /operator AveragePool \(.*\): is not used in this way/,
  ],
  [
    "quantized weights",
    withNode(first("MaxPool"), { operator: "DequantizeLinear", name: "/q" }),
    /operator DequantizeLinear \(\/q\): the file is quantized; give the float32 or float16 export/,
  ],
  [
    "branches at run time",
    withNode(first("MaxPool"), { operator: "If", name: "/if" }),
    /operator If \(\/if\): the file decides at run time what it computes; export the model again with --simplify/,
  ],
  [
    "another decoding, without any sign of YOLO",
    { ...withNode(first("Pow"), { operator: "Add" }), metadata: {} },
    /output output0 \(of operator Reshape \(.*\)\) is not decoded as in YOLOv5, YOLOv8, YOLO11 or YOLO26 \(from maps of 21 channels at strides 8 it computes other .* nothing in the file says that it is a YOLO/,
  ],
  [
    "maps that are not decoded",
    {
      ...tiny,
      nodes: tiny.nodes.filter(({ outputs: [name] }) => name !== "output0"),
      outputs: { raw: [1, 3, 8, 8, 7] },
    },
    /feature maps that are not decoded do not include the anchors/,
  ],
  ["no outputs of YOLO", { ...tiny, outputs: {} }, /with the outputs \(none\); exports of YOLO have one with boxes/],
  [
    "two inputs",
    { ...tiny, inputs: { images: [1, 3, 64, 64], text: [1, 77] } },
    /with the inputs images \[1, 3, 64, 64\], text \[1, 77\]/,
  ],
  ["an opset from before 2018", { ...tiny, opset: 7 }, /is an ONNX model with opset 7; opsets 9 to 25 are supported/],
  [
    "pictures of bytes that it does not divide",
    { ...withNode(first("Sigmoid"), {}), inputType: 2 },
    /is an ONNX model for bytes that it does not divide by 255; export it again for floats/,
  ],
  ["a newer opset", { ...tiny, opset: 26 }, /is an ONNX model with opset 26; opsets 9 to 25 are supported/],
  [
    "oriented boxes",
    { ...tiny, metadata: { task: "obb" } },
    /is an ONNX export for oriented boxes \(OBB\), which is not supported/,
  ],
  [
    "another task",
    { ...tiny, metadata: { task: "depth" } },
    /is an ONNX export for the task "depth", which is not supported/,
  ],
  ["a classifier of another kind", classifier({}), /is an ONNX classifier without any sign of YOLO/],
  [
    "class scores of another kind",
    classifier(
      { names: "{0: 'a'}" },
      {
        nodes: classifier({}).nodes.map((node) =>
          node.operator === "Gemm" ? { ...node, operator: "Relu", inputs: ["flat"] } : node,
        ),
      },
    ),
    /whose class scores do not come from a mean over feature maps and a linear layer/,
  ],
  [
    "resizing that mixes pixels",
    withNode(first("Resize"), { attributes: { mode: "linear" }, name: "/up" }),
    /operator Resize \(\/up\): resizes 4×4 to 8×8 \(linear\); layers of YOLO repeat pixels/,
  ],
  [
    "resizing to another neighbour",
    withNode(first("Resize"), { attributes: { mode: "nearest", coordinate_transformation_mode: "align_corners" } }),
    /operator Resize .* layers of YOLO repeat pixels/,
  ],
  [
    "a layer whose weights are computed from the picture",
    classifier(
      { names: "{0: 'a'}" },
      {
        nodes: [
          ...classifier({}).nodes.slice(0, 3),
          { ...classifier({}).nodes[3], inputs: ["flat", "flat"], name: "/m" },
        ],
      },
    ),
    /operator Gemm \(\/m\): input 1 must be a constant, the weights of a layer/,
  ],
  [
    "pixels in another order",
    withNode(first("Resize"), { operator: "Transpose", inputs: [first("Concat")], attributes: { perm: [0, 1, 3, 2] } }),
    /operator Conv \(.*\): it reads numbers in an order that no module of YOLO produces/,
  ],
  [
    "two outputs of boxes",
    {
      ...tiny,
      nodes: [...tiny.nodes, { operator: "Identity", inputs: ["output0"], outputs: ["again"] }],
      outputs: { output0: [1, 192, 7], again: [1, 192, 7] },
    },
    /with the outputs output0 \[1, 192, 7\], again \[1, 192, 7\]; exports of YOLO have one with boxes/,
  ],
];

describe("an ONNX file is refused in one sentence", () => {
  it.each(REFUSED)("%s", (_, file, message) => {
    const bytes = writeOnnx(file);
    expect(() => openOnnx(bytes, "best.onnx")).toThrow(CheckpointError);
    expect(() => openOnnx(bytes, "best.onnx")).toThrow(message);
    expect(() => openOnnx(bytes, "best.onnx")).toThrow(/^best\.onnx: [^\n]{20,900}$/);
  });

  it("is not needed for missing metadata, or for classifiers from exporters of YOLO", () => {
    expect(openOnnx(writeOnnx(noMetadata), "best.onnx").module).toBeDefined();
    expect(openOnnx(writeOnnx(classifier({ names: "{0: 'a'}" })), "best.onnx").module).toBeDefined();
    const nodes = classifier({}).nodes.map((node) => ({ ...node, name: `/model.0/${node.operator}` }));
    expect(openOnnx(writeOnnx(classifier({}, { nodes })), "best.onnx").module).toBeDefined();
  });
});
