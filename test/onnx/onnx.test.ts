import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { UnsupportedError } from "../../src/errors.js";
import { exportOnnx, OPSET } from "../../src/onnx/index.js";
import { type Graph, GraphBuilder, IDENTITY, optimize } from "../../src/ops/index.js";
import { createCpuBackend } from "../../src/runtime/cpu/backend.js";
import { allClose, tensor } from "../../src/tensor/index.js";
import { protobufKind } from "../../src/weights/formats/protobuf.js";
import { createMember, openModel } from "../../src/yolov5/loadModel.js";
import { buildCase, CONV_CASES, GROUP_CASES, OTHER_CASES } from "../support/cases/index.js";
import { asFloat64, randomTensor } from "../support/random.js";
import { REPOSITORY } from "../support/reference.js";
import { evaluateOnnx, type Values } from "./onnxEvaluate.js";
import { readOnnx } from "./onnxReader.js";

const FIXTURES = ["v6", "csp", "seg", "cls", "assorted"] as const;
const FIXTURE_FOLDER = join(REPOSITORY, "test", "fixtures", "pytorch");

function graphOf(fixture: string, size: number): { built: Graph; optimized: Graph } {
  const path = join(FIXTURE_FOLDER, `${fixture}.pt`);
  const { network } = createMember(openModel(readFileSync(path), { path }), createCpuBackend(), { path });
  const built = network.build([1, 3, size, size]).graph;
  return { built, optimized: optimize(built) };
}

describe("ONNX files", () => {
  it.each([...CONV_CASES, ...GROUP_CASES, ...OTHER_CASES])("$name", (opCase) => {
    const { graph, inputs, expected } = buildCase(opCase);
    const model = readOnnx(exportOnnx(graph));
    const [actual] = evaluateOnnx(model, inputs.map(asFloat64) as unknown as Values[]);
    expect(actual.shape).toEqual(expected.shape);
    // Only the weights and constants of the file are rounded to float32.
    const close = allClose(tensor("float64", actual.shape, actual.data), expected, 1e-6, 1e-6);
    expect(close).toBe(true);
  });

  it("contain their metadata", () => {
    const { graph } = buildCase(OTHER_CASES[0]);
    const bytes = exportOnnx(graph, { metadata: { stride: "32", names: "{0: 'é'}" }, version: "1.2" });
    expect(protobufKind(bytes)).toBe("onnx");
    const model = readOnnx(bytes);
    expect(model).toMatchObject({ irVersion: 7, opset: OPSET, producer: "yolov5-ts" });
    expect([...model.metadata]).toEqual([
      ["stride", "32"],
      ["names", "{0: 'é'}"],
    ]);
    expect(model.inputs).toEqual([{ name: "images", shape: OTHER_CASES[0].inputs[0] }]);
    expect(model.outputs).toEqual([{ name: "output0", shape: graph.values[graph.outputs[0]].shape }]);
  });

  it("have the requested names of inputs and outputs, and unique names inside", () => {
    const builder = new GraphBuilder();
    const x = builder.input("a", { shape: [1, 2, 2, 2], dtype: "float32" });
    const first = builder.add("scale", "same", [x], { factor: 2 });
    const second = builder.add("scale", "same", [first], { factor: 3 });
    const graph = builder.finish([second, first, second]);
    const model = readOnnx(exportOnnx(graph, { inputNames: ["same"], outputNames: ["p", "q", "r"] }));
    expect(model.outputs.map(({ name }) => name)).toEqual(["p", "q", "r"]);
    const input = { shape: [1, 2, 2, 2], data: Float64Array.from({ length: 8 }, (_, i) => i) };
    const [p, q, r] = evaluateOnnx(model, [input]);
    expect([...p.data]).toEqual([0, 6, 12, 18, 24, 30, 36, 42]);
    expect([...q.data]).toEqual([0, 2, 4, 6, 8, 10, 12, 14]);
    expect(r.data).toEqual(p.data);
  });

  it("contain a weight once, even if several nodes read it", () => {
    const builder = new GraphBuilder();
    let x = builder.input("x", { shape: [1, 4, 5, 5], dtype: "float32" });
    const weight = builder.constant("w", randomTensor([4, 4, 1, 1], 1));
    const attrs = { stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1, activation: IDENTITY } as const;
    for (const name of ["a", "b"])
      x = builder.add("conv2d", name, [x, weight], { ...attrs, hasBias: false, hasResidual: false });
    expect([...readOnnx(exportOnnx(builder.finish([x]))).initializers.keys()]).toEqual(["w"]);
  });

  it("cannot contain weights of other types, which are named", () => {
    const builder = new GraphBuilder();
    const x = builder.input("x", { shape: [1, 2, 3, 3], dtype: "float32" });
    const graph = builder.finish([builder.add("add", "sum", [x, x], {})]);
    const constants = new Map([[x, tensor("float64", [1, 2, 3, 3])]]);
    const broken: Graph = { ...graph, inputs: [], constants };
    expect(() => exportOnnx(broken)).toThrow(UnsupportedError);
    expect(() => exportOnnx(broken)).toThrow(/weight x is float64/);
  });

  it.each(FIXTURES)("a whole %s network, as built and optimised, equals the reference", async (fixture) => {
    const size = 64;
    const { built, optimized } = graphOf(fixture, size);
    const input = randomTensor([1, 3, size, size], 7, 0.5);
    const backend = createCpuBackend();
    const expected = await (await backend.compile(built)).run([input]);
    for (const graph of [built, optimized]) {
      const actual = evaluateOnnx(readOnnx(exportOnnx(graph)), [asFloat64(input) as unknown as Values]);
      expect(actual.map(({ shape }) => shape)).toEqual(expected.map(({ shape }) => shape));
      for (const [i, { shape, data }] of actual.entries()) {
        expect(allClose(tensor("float64", shape, data), expected[i], 1e-3, 2e-3)).toBe(true);
      }
    }
  });
});

/** What the tests use of onnxruntime-node, which only those who measure peers install. */
interface Runtime {
  readonly InferenceSession: {
    create(
      bytes: Uint8Array,
    ): Promise<{ run(feeds: object): Promise<Record<string, { dims: number[]; data: Float32Array }>> }>;
  };
  readonly Tensor: new (type: "float32", data: Float32Array, shape: readonly number[]) => object;
}

const PEERS = join(REPOSITORY, "bench", "peers");
const installed = existsSync(join(PEERS, "node_modules", "onnxruntime-node"));
if (!installed)
  console.warn("skipped: ONNX Runtime is not installed in bench/peers (npm ci --prefix bench/peers --ignore-scripts)");

describe.skipIf(!installed)("ONNX Runtime reads the files", () => {
  const runtime = (): Runtime => createRequire(join(PEERS, "package.json"))("onnxruntime-node");

  it.each([...CONV_CASES, ...GROUP_CASES, ...OTHER_CASES])("$name", async (opCase) => {
    const { InferenceSession, Tensor } = runtime();
    const { graph, inputs, expected } = buildCase(opCase);
    const session = await InferenceSession.create(exportOnnx(graph));
    const feeds = inputs.map(({ shape, data }, i) => {
      return [i === 0 ? "images" : `images${i}`, new Tensor("float32", data as Float32Array, shape)] as const;
    });
    const { output0 } = await session.run(Object.fromEntries(feeds));
    expect(output0.dims).toEqual(expected.shape);
    const absolute = 1e-5 * Math.max(1, opCase.depth);
    expect(allClose(tensor("float32", output0.dims, output0.data), expected, 1e-4, absolute)).toBe(true);
  });
});
