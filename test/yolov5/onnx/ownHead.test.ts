/** Exports whose heads decode in a way of their own: run at their one size by their own operators, if their rows are those of YOLO. */

import { describe, expect, it } from "vitest";
import { CheckpointError, OptionError, UnsupportedError } from "../../../src/errors.js";
import { createCpuBackend } from "../../../src/runtime/cpu/backend.js";
import { compare, float32ArrayToHalf, type HostTensor, tensor, toFloat32 } from "../../../src/tensor/index.js";
import { createMember } from "../../../src/yolov5/loadModel.js";
import { LocalRunner } from "../../../src/yolov5/localRunner.js";
import { Model } from "../../../src/yolov5/model.js";
import { openOnnx } from "../../../src/yolov5/onnx/index.js";
import { floats, longs, type WrittenFile, type WrittenNode, writeOnnx } from "../../support/onnxWriter.js";
import { randomTensor } from "../../support/random.js";
import { FACTOR, METADATA, scaledInFile, tinyExport } from "./tinyExport.js";

function open(file: WrittenFile) {
  const checkpoint = openOnnx(writeOnnx(file), "best.onnx");
  if (!checkpoint.module) throw new Error("no module");
  return { module: checkpoint.module, checkpoint };
}

function member(file: WrittenFile) {
  return createMember(open(file), createCpuBackend(), { path: "best.onnx" });
}

function model(file: WrittenFile): Model<HostTensor> {
  const read = async ({ data, shape: [height, width] }: HostTensor) => ({
    image: { width, height, channels: 3 as const, data: data as Uint8Array },
  });
  return new Model(new LocalRunner<HostTensor>([member(file)], createCpuBackend(), read));
}

/** The same network, its last convolution's weights multiplied instead. */
function scaledWeights(): WrittenFile {
  const file = tinyExport();
  const [, weight, bias] = file.nodes.find(({ outputs }) => outputs[0] === "map")?.inputs ?? [];
  const scaled = (name: string): HostTensor =>
    tensor(
      "float32",
      file.constants[name].shape,
      toFloat32(file.constants[name]).data.map((v) => v * FACTOR),
    );
  return { ...file, constants: { ...file.constants, [weight]: scaled(weight), [bias]: scaled(bias) } };
}

const picture = (height: number, width: number): HostTensor => {
  const data = Uint8Array.from({ length: height * width * 3 }, (_, i) => (i * 7919) % 256);
  return { dtype: "uint8", shape: [height, width, 3], data };
};

describe("an export with a decoding of its own", () => {
  const own = scaledInFile();
  const plain = scaledWeights();

  it("is known by its rows", () => {
    const { info } = member(own);
    expect(info).toMatchObject({ task: "detect", names: ["a", "b"], family: "yolov5", strides: [8], endToEnd: false });
    expect(info).toMatchObject({ onlyImgsz: [64, 64], defaultImgsz: [64, 64], stride: 8, anchors: [] });
    expect(member(plain).info.onlyImgsz).toBeUndefined();
  });

  it("gives what its file computes, for one picture and for several", async () => {
    for (const count of [1, 3]) {
      const input = randomTensor([count, 3, 64, 64], 4);
      const [[found], [wanted]] = [
        await member(own).network.forward(input),
        await member(plain).network.forward(input),
      ];
      expect(found.shape).toEqual(wanted.shape);
      expect(compare(found, wanted).nmse).toBeLessThan(1e-12);
    }
  });

  it("finds the same boxes as the network with those weights, in pictures of any shape", async () => {
    for (const image of [picture(64, 64), picture(40, 90), picture(100, 30)]) {
      const options = { conf: 0.3, fit: "square" as const };
      const [found, wanted] = [
        await model(own).detect(image, { conf: 0.3 }),
        await model(plain).detect(image, options),
      ];
      if (!("detections" in found && "detections" in wanted)) throw new Error("no boxes");
      expect(wanted.detections.length).toBeGreaterThan(3);
      expect(found.input).toEqual([1, 3, 64, 64]);
      expect(found.detections.length).toBe(wanted.detections.length);
      for (const [i, box] of wanted.detections.entries()) {
        expect(found.detections[i].class).toBe(box.class);
        expect(found.detections[i].xmin).toBeCloseTo(box.xmin, 3);
        expect(found.detections[i].confidence).toBeCloseTo(box.confidence, 5);
      }
    }
  });

  it("runs at its own size only, and without what needs others", async () => {
    await expect(model(own).detect(picture(64, 64), { imgsz: 96 })).rejects.toThrow(
      /imgsz 96×96: best\.onnx runs only at 64×64, as the file's own operators decode its head; leave out imgsz$/,
    );
    await expect(model(own).detect(picture(64, 64), { imgsz: 96 })).rejects.toThrow(OptionError);
    await expect(member(own).network.forward(randomTensor([1, 3, 96, 64], 1))).rejects.toThrow(OptionError);
    await expect(model(own).detect(picture(64, 64), { augment: true })).rejects.toThrow(
      /augment: best\.onnx runs at one size, so test-time/,
    );
    const read = async () => ({ image: { width: 1, height: 1, channels: 3 as const, data: new Uint8Array(3) } });
    expect(() => new LocalRunner([member(own), member(own)], createCpuBackend(), read)).toThrow(UnsupportedError);
  });

  it("runs at the size of its metadata, or at 640, if the file leaves it open", async () => {
    const dynamic = scaledInFile(tinyExport({ dynamic: true }));
    expect(member(dynamic).info.onlyImgsz).toEqual([640, 640]);
    const small = member({ ...dynamic, metadata: { ...METADATA, imgsz: "[64, 96]" } });
    expect(small.info.onlyImgsz).toEqual([64, 96]);
    const input = randomTensor([1, 3, 64, 96], 4);
    const [[found], [wanted]] = [await small.network.forward(input), await member(plain).network.forward(input)];
    expect(compare(found, wanted).nmse).toBeLessThan(1e-12);
  });

  it("may be in float16, or have a batch of its own", async () => {
    const halves = Object.entries(own.constants ?? {}).map(([name, value]): [string, HostTensor] => [
      name,
      value.dtype === "float32"
        ? tensor("float16", value.shape, float32ArrayToHalf(value.data as Float32Array))
        : value,
    ]);
    const input = randomTensor([2, 3, 64, 64], 4);
    const [wanted] = await member(own).network.forward(input);
    const [rounded] = await member({ ...own, constants: Object.fromEntries(halves) }).network.forward(input);
    expect(compare(rounded, wanted).nmse).toBeLessThan(1e-5);
    const four = { ...own, inputs: { images: [4, 3, 64, 64] } };
    const reshapes = Object.fromEntries(
      Object.entries(own.constants ?? {}).map(([name, value]) =>
        value.dtype === "int64" && value.shape[0] !== undefined && value.shape[0] >= 3 && Number(value.data[0]) === 1
          ? [name, longs(4, ...Array.from(value.data as BigInt64Array, Number).slice(1))]
          : [name, value],
      ),
    );
    const [found] = await member({ ...four, constants: reshapes }).network.forward(input);
    expect(found.shape).toEqual(wanted.shape);
    expect(compare(found, wanted).nmse).toBeLessThan(1e-12);
  });
});

/** The tiny export's rows changed by more nodes. */
function followedBy(nodes: readonly WrittenNode[], constants: WrittenFile["constants"] = {}): WrittenFile {
  const file = tinyExport();
  return {
    ...file,
    nodes: [...file.nodes, ...nodes],
    constants: { ...file.constants, ...constants },
    outputs: { out: ["n", "rows", "columns"] },
  };
}

const slice = (x: string, [start, end]: readonly string[], axis: string, output: string): WrittenNode => ({
  operator: "Slice",
  inputs: [x, start, end, axis],
  outputs: [output],
});

const NUMBERS = { zero: longs(0), two: longs(2), four: longs(4), five: longs(5), seven: longs(7) };

describe("other layouts of rows", () => {
  it("columns first without objectness are those of the newer package", async () => {
    // Scores of a row divided by its objectness are not those of a head without anchors, but rows of its form.
    const file = followedBy(
      [
        slice("output0", ["zero", "four"], "two", "box"),
        slice("output0", ["five", "seven"], "two", "scores"),
        { operator: "Concat", inputs: ["box", "scores"], outputs: ["joined"], attributes: { axis: 2 } },
        { operator: "Transpose", inputs: ["joined"], outputs: ["out"], attributes: { perm: [0, 2, 1] } },
      ],
      NUMBERS,
    );
    const { info, network } = member(file);
    expect(info).toMatchObject({ family: "ultralytics", classes: 2, onlyImgsz: [64, 64] });
    const input = randomTensor([1, 3, 64, 64], 4);
    const [[found], [rows]] = [await network.forward(input), await member(tinyExport()).network.forward(input)];
    expect(found.shape).toEqual([1, 192, 6]);
    const wanted = Array.from({ length: 192 * 6 }, (_, i) => {
      const column = i % 6;
      return rows.data[Math.floor(i / 6) * 7 + (column < 4 ? column : column + 1)];
    });
    for (const [i, value] of wanted.entries()) expect(found.data[i]).toBeCloseTo(Number(value), 4);
  });

  it("chosen boxes with scores and classes are end-to-end", async () => {
    // The best 20 rows by objectness, all of class 1.
    const file = followedBy(
      [
        slice("output0", ["zero", "four"], "two", "box"),
        slice("output0", ["four", "five"], "two", "score"),
        { operator: "Squeeze", inputs: ["score", "two"], outputs: ["flat"] },
        { operator: "TopK", inputs: ["flat", "twenty"], outputs: ["best", "at"], attributes: { axis: 1 } },
        { operator: "Squeeze", inputs: ["at", "zero"], outputs: ["list"] },
        { operator: "Gather", inputs: ["box", "list"], outputs: ["boxes"], attributes: { axis: 1 } },
        { operator: "Unsqueeze", inputs: ["best", "two"], outputs: ["scores"] },
        { operator: "Ceil", inputs: ["scores"], outputs: ["classes"] },
        { operator: "Concat", inputs: ["boxes", "scores", "classes"], outputs: ["out"], attributes: { axis: 2 } },
      ],
      { ...NUMBERS, twenty: longs(20) },
    );
    const { info, network } = member(file);
    expect(info).toMatchObject({ family: "ultralytics", endToEnd: true, classes: 2, onlyImgsz: [64, 64] });
    const input = randomTensor([1, 3, 64, 64], 4);
    const [[found], [rows]] = [await network.forward(input), await member(tinyExport()).network.forward(input)];
    expect(found.shape).toEqual([1, 20, 6]);
    const order = Array.from({ length: 192 }, (_, i) => i).sort(
      (a, b) => Number(rows.data[b * 7 + 4]) - Number(rows.data[a * 7 + 4]),
    );
    for (let i = 0; i < 20; i++) {
      const wanted = [...rows.data.slice(order[i] * 7, order[i] * 7 + 5), 1].map(Number);
      for (const [column, value] of wanted.entries()) expect(found.data[i * 6 + column]).toBeCloseTo(value, 3);
    }
  });

  const times = (factor: string): WrittenNode => ({ operator: "Mul", inputs: ["output0", factor], outputs: ["out"] });
  const row = (...values: readonly number[]): WrittenFile["constants"] => ({ factor: floats([1, 1, 7], values) });

  it.each([
    ["sizes below 0", [times("factor")], row(1, 1, -1, -1, 1, 1, 1), /widths and heights that are negative/],
    ["scores above 1", [times("factor")], row(1, 1, 1, 1, 9, 1, 1), /scores that are not from 0 to 1/],
    ["parts of the picture", [times("factor")], row(0.01, 0.01, 0.01, 0.01, 1, 1, 1), /centres that are not spread/],
    ["corners", [{ ...times("factor"), operator: "Add" }], row(0, 0, 99, 99, 0, 0, 0), /boxes as corners/],
    ["other columns", [slice("output0", ["zero", "five"], "two", "out")], NUMBERS, /2 classes do not explain/],
  ] as const)("%s are refused, naming the node", (_, nodes, constants, message) => {
    const bytes = writeOnnx(followedBy(nodes, constants));
    expect(() => openOnnx(bytes, "best.onnx")).toThrow(CheckpointError);
    expect(() => openOnnx(bytes, "best.onnx")).toThrow(message);
    expect(() => openOnnx(bytes, "best.onnx")).toThrow(
      /^best\.onnx: is an ONNX model whose output out \(of operator (Mul|Add|Slice) \(\/out\/\w+\)\) is not decoded as in YOLOv5/,
    );
  });

  it("nothing that says YOLO: refused", () => {
    const bytes = writeOnnx({ ...scaledInFile(), metadata: {} });
    expect(() => openOnnx(bytes, "best.onnx")).toThrow(/nothing in the file says that it is a YOLO/);
  });
});
