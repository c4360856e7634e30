/** One network as files of several opsets, types and shapes: all are the same network. */

import { describe, expect, it } from "vitest";
import { createCpuBackend } from "../../../src/runtime/cpu/backend.js";
import { compare, float32ArrayToHalf, type HostTensor, tensor } from "../../../src/tensor/index.js";
import { createMember } from "../../../src/yolov5/loadModel.js";
import type { Member } from "../../../src/yolov5/model.js";
import { openOnnx } from "../../../src/yolov5/onnx/index.js";
import { floats, type WrittenFile, writeOnnx } from "../../support/onnxWriter.js";
import { randomTensor } from "../../support/random.js";
import { METADATA, SIZES, tinyExport } from "./tinyExport.js";

function member(file: WrittenFile | Uint8Array, external?: ReadonlyMap<string, Uint8Array>): Member {
  const checkpoint = openOnnx(file instanceof Uint8Array ? file : writeOnnx(file), "best.onnx", external);
  if (!checkpoint.module) throw new Error("no module");
  return createMember({ module: checkpoint.module, checkpoint }, createCpuBackend(), { path: "best.onnx" });
}

async function outputs({ network }: Member, size: readonly [number, number]): Promise<HostTensor> {
  const [output] = await network.forward(randomTensor([1, 3, ...size], 3));
  return output;
}

const PLAIN = member(tinyExport());

async function expectSame(found: Member, limit = 1e-12): Promise<void> {
  for (const size of [
    [64, 64],
    [32, 96],
  ] as const) {
    const [actual, wanted] = [await outputs(found, size), await outputs(PLAIN, size)];
    expect(actual.shape).toEqual(wanted.shape);
    expect(compare(actual, wanted).nmse).toBeLessThanOrEqual(limit);
  }
}

/** Weights and constants rounded to float16. */
function inHalves(file: ReturnType<typeof tinyExport>): WrittenFile {
  const constants = Object.entries(file.constants).map(([name, value]): [string, HostTensor] => [
    name,
    value.dtype === "float32" ? tensor("float16", value.shape, float32ArrayToHalf(value.data as Float32Array)) : value,
  ]);
  return { ...file, constants: Object.fromEntries(constants) };
}

describe("an ONNX export", () => {
  it("gives the facts of its head, its names and its input size", () => {
    const { info } = PLAIN;
    expect(info).toMatchObject({
      task: "detect",
      names: ["a", "b"],
      strides: [8],
      anchors: [SIZES],
      family: "yolov5",
      format: "onnx",
      defaultImgsz: [64, 64],
    });
    expect(member({ ...tinyExport({ dynamic: true }) }).info.defaultImgsz).toEqual([640, 640]);
  });

  it.each([9, 10, 11, 12, 13, 15, 17, 18, 20, 21, 22, 23, 24, 25])("of opset %i is the same network", async (opset) => {
    await expectSame(member(tinyExport({ opset })));
  });

  it.each([11, 13])("of opset %i with shapes computed at run time is the same network", async (opset) => {
    await expectSame(member(tinyExport({ opset, dynamic: true })));
  });

  it("in float16 is the same network with rounded weights", async () => {
    await expectSame(member(inHalves(tinyExport())), 1e-5);
    const cast = tinyExport();
    const nodes = [
      { operator: "Cast", inputs: ["images"], outputs: ["half"], attributes: { to: 10 } },
      ...cast.nodes.map((node) => ({
        ...node,
        inputs: node.inputs.map((name) => (name === "images" ? "half" : name)),
      })),
    ];
    await expectSame(member({ ...inHalves(cast), nodes }), 1e-5);
  });

  it.each([
    ["bytes", 2, "Div", floats([], [255])],
    ["bytes", 2, "Mul", floats([], [1 / 255])],
    ["floats up to 255", 1, "Div", floats([], [255])],
    ["floats up to 255, per channel", 1, "Div", floats([1, 3, 1, 1], [255, 255, 255])],
  ])("may take %s and divide them itself", async (_, inputType, operator, divisor) => {
    const file = tinyExport();
    const nodes = [
      { operator: "Cast", inputs: ["images"], outputs: ["floats"], attributes: { to: 1 } },
      { operator, inputs: ["floats", "divisor"], outputs: ["divided"] },
      ...file.nodes.map((node) => ({
        ...node,
        inputs: node.inputs.map((name) => (name === "images" ? "divided" : name)),
      })),
    ];
    await expectSame(member({ ...file, nodes, inputType, constants: { ...file.constants, divisor } }));
  });

  it("may have weights in external files, each at its offset", async () => {
    const { constants, ...file } = tinyExport();
    const weights = Object.entries(constants).filter(([, { dtype }]) => dtype === "float32");
    const parts: Uint8Array[] = [new Uint8Array(3)];
    let offset = 3;
    const external = weights.map(([name, { shape, data }]) => {
      parts.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      const entries = { location: "best.data", offset: String(offset), length: String(data.byteLength) };
      offset += data.byteLength;
      return [name, { shape, entries }] as const;
    });
    const others = Object.fromEntries(Object.entries(constants).filter(([, { dtype }]) => dtype !== "float32"));
    const bytes = writeOnnx({ ...file, constants: others, external: Object.fromEntries(external) });
    const beside = new Uint8Array(Buffer.concat(parts));
    await expectSame(member(bytes, new Map([["best.data", beside]])));
    expect(() => member(bytes)).toThrow(
      /keeps its weights in another file \(best\.data\), which cannot be read from here/,
    );
    expect(() => member(bytes, new Map([["best.data", beside.subarray(0, 99)]]))).toThrow(
      /of best\.data, which has 99 bytes/,
    );
  });

  it("with nodes in another order is sorted, and unused nodes are dropped", async () => {
    const file = tinyExport();
    const unread = { operator: "Unknown", inputs: ["images"], outputs: ["unread"] };
    await expectSame(member({ ...file, nodes: [unread, ...file.nodes].reverse() }));
  });

  it("without names gets numbered classes, or the given names", () => {
    const { stride } = METADATA;
    const bytes = writeOnnx({ ...tinyExport(), metadata: { stride } });
    expect(member(bytes).info.names).toEqual(["class0", "class1"]);
    const checkpoint = openOnnx(bytes, "best.onnx");
    if (!checkpoint.module) throw new Error("no module");
    const opened = { module: checkpoint.module, checkpoint };
    const named = createMember(opened, createCpuBackend(), { path: "best.onnx", names: ["cat", "dog"] });
    expect(named.info.names).toEqual(["cat", "dog"]);
  });

  it.each([
    ["{0: 'it\\'s', 1: \"\\u00e9\"}", ["it's", "é"]],
    ['["x", "y"]', ["x", "y"]],
    ['{"0": "p", "1": "q"}', ["p", "q"]],
    ["{0: 'unclosed", ["class0", "class1"]],
    ["[".repeat(5000), ["class0", "class1"]],
  ])("reads the names %j", (names, wanted) => {
    expect(member({ ...tinyExport(), metadata: { names } }).info.names).toEqual(wanted);
  });
});

it("gives notes of one line each, whatever the file contains", () => {
  const { info } = member({ ...tinyExport(), metadata: { ...METADATA, date: "today\r\n\u001b[2J\u202eor not" } });
  expect(info.notes.date).toBe("today\ufffd\ufffd\ufffd[2J\ufffdor not");
});
