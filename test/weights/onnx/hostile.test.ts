/** ONNX files that contradict themselves or ask for more than any network: one sentence, in bounded time and memory. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { CheckpointError, EngineError } from "../../../src/errors.js";
import { ProtobufWriter } from "../../../src/onnx/protobuf.js";
import { seededRandom, tensor } from "../../../src/tensor/index.js";
import { readOnnx } from "../../../src/weights/onnx/model.js";
import { openOnnx } from "../../../src/yolov5/onnx/index.js";
import { floats, longs, nodeMessage, tensorMessage, type WrittenFile, writeOnnx } from "../../support/onnxWriter.js";
import { REFERENCE, referenceMissing } from "../../support/reference.js";
import { tinyExport } from "../../yolov5/onnx/tinyExport.js";

const OPSET = new ProtobufWriter().string(1, "").int(2, 13);

/** A model around any graph message. */
const modelWith = (graph: ProtobufWriter): Uint8Array =>
  new ProtobufWriter().int(1, 7).message(7, graph).message(8, OPSET).finish();

function graphWith(fill: (graph: ProtobufWriter) => void): Uint8Array {
  const graph = new ProtobufWriter();
  fill(graph);
  return modelWith(graph);
}

const relu = (input: string, output: string) => ({ operator: "Relu", inputs: [input], outputs: [output] });
const outputs = { output0: [1, 192, 7] };

const FILES: readonly (readonly [what: string, bytes: () => Uint8Array, message: RegExp])[] = [
  [
    "nodes in a cycle",
    () => writeOnnx({ nodes: [relu("b", "a"), relu("a", "b")], outputs: { a: [1] } }),
    /its nodes form a cycle, \S+ among them/,
  ],
  ["a node that reads itself", () => writeOnnx({ nodes: [relu("a", "a")], outputs: { a: [1] } }), /form a cycle/],
  [
    "a value that nothing produces",
    () => writeOnnx({ nodes: [relu("x", "a")], outputs: { a: [1] } }),
    /node .* reads x, which nothing produces/,
  ],
  [
    "two nodes of one output",
    () => writeOnnx({ nodes: [relu("images", "a"), relu("images", "a")], outputs: { a: [1] } }),
    /two nodes produce the value a/,
  ],
  [
    "a huge input",
    () => writeOnnx({ ...tinyExport(), inputs: { images: [1, 3, 1e6, 1e6] } }),
    /for an input of 1×3×1000000×1000000, larger than any picture/,
  ],
  [
    "a huge batch",
    () => writeOnnx({ ...tinyExport(), inputs: { images: [1000, 3, 4096, 4096] } }),
    /larger than any picture/,
  ],
  [
    "a negative side",
    () => writeOnnx({ ...tinyExport(), inputs: { images: [1, 3, -64, 64] } }),
    /larger than any picture/,
  ],
  [
    "a tensor shorter than its shape",
    () =>
      graphWith((g) =>
        g.message(5, new ProtobufWriter().ints(1, [1000, 1000]).int(2, 1).string(8, "w").bytes(9, new Uint8Array(8))),
      ),
    /tensor w has 8 bytes; float32 1000×1000 takes 4000000/,
  ],
  [
    "a tensor of more elements than can be counted",
    () =>
      graphWith((g) =>
        g.message(
          5,
          new ProtobufWriter()
            .ints(1, [2 ** 40, 2 ** 40])
            .int(2, 1)
            .string(8, "w"),
        ),
      ),
    /tensor w has more elements than can be counted/,
  ],
  [
    "a tensor of a negative dimension",
    () => graphWith((g) => g.message(5, new ProtobufWriter().ints(1, [-1]).int(2, 1).string(8, "w"))),
    /tensor w has a dimension -1/,
  ],
  [
    "a tensor of 1000 dimensions",
    () => graphWith((g) => g.message(5, new ProtobufWriter().ints(1, new Array(1000).fill(1)).int(2, 1))),
    /1000 dimensions/,
  ],
  [
    "texts as weights",
    () => graphWith((g) => g.message(5, new ProtobufWriter().ints(1, [1]).int(2, 8).string(8, "w"))),
    /tensor w of type string/,
  ],
  [
    "two tensors of one name",
    () => graphWith((g) => g.message(5, tensorMessage("w", longs(1))).message(5, tensorMessage("w", longs(1)))),
    /two tensors are named w/,
  ],
  [
    "a message longer than the file",
    () => Uint8Array.of(8, 7, 58, 255, 255, 255, 255, 15, 1),
    /a protobuf field claims 4294967295 bytes where 1 are left/,
  ],
  ["a number without an end", () => Uint8Array.of(8, 255, 255), /it ends within a number/],
  ["a number of twelve bytes", () => Uint8Array.of(8, ...new Array(12).fill(255)), /longer than ten bytes/],
  ["a field of an unknown wire type", () => Uint8Array.of(8, 7, 0x3b), /has the wire type 3/],
  ["no graph", () => new ProtobufWriter().int(1, 7).message(8, OPSET).finish(), /it holds no graph/],
  [
    "local functions",
    () =>
      new ProtobufWriter()
        .int(1, 7)
        .message(7, new ProtobufWriter())
        .message(8, OPSET)
        .message(25, new ProtobufWriter())
        .finish(),
    /its own operators/,
  ],
  ["sparse tensors", () => graphWith((g) => g.message(15, new ProtobufWriter())), /sparse tensors/],
  [
    "a million nodes",
    () =>
      graphWith(
        (g) => g.bytes(1, new Uint8Array(0)) && Array.from({ length: 200_000 }, () => g.bytes(1, new Uint8Array(0))),
      ),
    /more than 20000 nodes/,
  ],
  [
    "a million metadata entries",
    () => {
      const model = new ProtobufWriter().int(1, 7).message(7, new ProtobufWriter()).message(8, OPSET);
      for (let i = 0; i < 600_000; i++) model.bytes(14, new Uint8Array(0));
      return model.finish();
    },
    /needs more memory than a file of its size should \(its metadata/,
  ],
  [
    "a list that expands to billions",
    () =>
      expanding(
        { operator: "Expand", inputs: ["one", "shape"], outputs: ["big"] },
        { one: floats([1], [1]), shape: longs(60000, 60000) },
      ),
    /operator Expand .* produces 60000×60000, more than any YOLO export does/,
  ],
  [
    "many lists that together fill the memory",
    () => writeOnnx(many()),
    /needs more memory than a file of its size should|takes more work/,
  ],
  [
    "a range of billions",
    () =>
      expanding(
        { operator: "Range", inputs: ["from", "to", "step"], outputs: ["big"] },
        { from: scalar(0), to: scalar(1e12), step: scalar(1) },
      ),
    /operator Range .* produces 1000000000000, more than/,
  ],
  [
    "a repetition below zero",
    () =>
      expanding(
        { operator: "Tile", inputs: ["one", "shape"], outputs: ["big"] },
        { one: floats([1], [1]), shape: longs(-5) },
      ),
    /./,
  ],
  [
    "matrices whose product takes for ever",
    () =>
      expanding(
        { operator: "MatMul", inputs: ["a", "b"], outputs: ["big"] },
        { a: floats([4000, 1], new Array(4000).fill(1)), b: floats([1, 4000], new Array(4000).fill(1)) },
      ),
    /./,
  ],
];

const scalar = (value: number) => ({ ...longs(value), shape: [] });

function expanding(node: WrittenFile["nodes"][number], constants: WrittenFile["constants"]): Uint8Array {
  const tiny = tinyExport();
  const sum = { operator: "Add", inputs: ["output0", "big"], outputs: ["boxes"] };
  return writeOnnx({
    ...tiny,
    nodes: [node, ...tiny.nodes, sum],
    constants: { ...tiny.constants, ...constants },
    outputs: { boxes: [1, 192, 7] },
  });
}

/** A thousand constants of millions of numbers each, of a few kilobytes of file. */
function many(): WrittenFile {
  const tiny = tinyExport();
  const nodes = Array.from({ length: 1000 }, (_, i) => ({
    operator: "Expand",
    inputs: ["one", "shape"],
    outputs: [`big${i}`],
  }));
  return {
    ...tiny,
    nodes: [...nodes, ...tiny.nodes],
    constants: { ...tiny.constants, one: floats([1], [1]), shape: longs(4000, 1000) },
  };
}

describe("a hostile ONNX file", () => {
  it.each(FILES)("%s", (_, make, message) => {
    const bytes = make();
    const error = errorOf(bytes);
    expect(error).toBeInstanceOf(CheckpointError);
    expect(error?.message).toMatch(message);
    expect(error?.message).toMatch(/^x\.onnx: [^\n]{10,700}$/);
  });

  it("with a chain of 20,000 layers is refused in one sentence", () => {
    const nodes = Array.from({ length: 19_990 }, (_, i) => relu(i === 0 ? "images" : `v${i - 1}`, `v${i}`));
    expect(errorOf(writeOnnx({ nodes, outputs: { v19989: [1, 3, 64] } }))).toBeInstanceOf(CheckpointError);
  });

  it("whose nodes have graphs as attributes is refused by operator", () => {
    const body = nodeMessage({ operator: "Loop", inputs: ["images"], outputs: ["a"], name: "/loop" });
    body.message(5, new ProtobufWriter().string(1, "body").message(6, new ProtobufWriter()).int(20, 5));
    const bytes = graphWith((g) => {
      g.message(1, body);
      for (const [name, field] of [
        ["images", 11],
        ["a", 12],
      ] as const)
        g.message(field, new ProtobufWriter().string(1, name));
    });
    expect(errorOf(bytes)?.message).toMatch(/operator Loop \(\/loop\): the file decides at run time/);
  });

  it("truncated anywhere, or with any byte changed, is read or refused", () => {
    const whole = writeOnnx(tinyExport());
    const random = seededRandom(1);
    const draw = (below: number): number => Math.floor(random() * below);
    for (let i = 0; i < 150; i++) {
      const cut = whole.slice(0, draw(whole.length));
      const changed = whole.slice();
      for (let k = 0; k < 1 + draw(3); k++) changed[draw(changed.length)] = draw(256);
      for (const bytes of [cut, changed]) {
        const error = errorOf(bytes);
        if (error) expect(error).toBeInstanceOf(EngineError);
      }
    }
  });

  it("with weights of every supported type is read", () => {
    const types = ["float32", "float64", "int8", "uint8", "int32", "int64", "bool", "float16"] as const;
    const constants = Object.fromEntries(types.map((dtype) => [dtype, tensor(dtype, [2, 3])]));
    const model = readOnnx(writeOnnx({ nodes: [], constants, outputs }));
    for (const dtype of types) expect(model.constants.get(dtype)).toMatchObject({ dtype, shape: [2, 3] });
  });
});

function errorOf(bytes: Uint8Array): Error | undefined {
  try {
    openOnnx(bytes, "x.onnx");
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

describe.skipIf(referenceMissing("weights", "onnx"))("a real export", () => {
  it("truncated anywhere is refused", () => {
    const whole = new Uint8Array(readFileSync(join(REFERENCE, "weights/onnx/v8.onnx")));
    for (const share of [0, 0.001, 0.2, 0.5, 0.9, 0.999]) {
      expect(errorOf(whole.subarray(0, Math.floor(share * whole.length)))).toBeInstanceOf(CheckpointError);
    }
  });
});
