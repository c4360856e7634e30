/** Forms of a head's output in ONNX files: what other engines read of heads without anchors. */

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { GraphError } from "../../src/errors.js";
import { evaluateNode, fromTensor, Meter, type OnnxValue } from "../../src/onnx/evaluate/index.js";
import { exportOnnx, type HeadForm } from "../../src/onnx/index.js";
import { type Graph, GraphBuilder } from "../../src/ops/index.js";
import { createCpuBackend } from "../../src/runtime/cpu/backend.js";
import { compare, type HostTensor } from "../../src/tensor/index.js";
import { readOnnx } from "../../src/weights/onnx/model.js";
import { endToEndOutput } from "../../src/yolov5/output/nms/endToEnd.js";
import { randomTensor } from "../support/random.js";
import { REPOSITORY } from "../support/reference.js";

const CLASSES = 3;
const KEYPOINTS = 4;

interface Head {
  readonly batch: number;
  readonly cells: number;
  readonly extras: number;
}

/** The head alone: a level of `cells`×`cells`, maps as inputs. */
function headOf({ batch, cells, extras }: Head): Graph {
  const builder = new GraphBuilder();
  const map = (name: string, channels: number) =>
    builder.input(name, { shape: [batch, channels, cells, cells], dtype: "float32" });
  const maps = [map("boxes", 4), map("scores", CLASSES), ...(extras > 0 ? [map("extras", extras)] : [])];
  const attributes = {
    strides: [8],
    bins: [],
    classes: CLASSES,
    extras,
    keypointSize: extras > 0 ? 2 : 0,
    corners: true,
  };
  return builder.finish([builder.add("detectAnchorFree", "head", maps, attributes)]);
}

/** Random maps; every second cell has the scores of the one before it, so that ties have to be broken. */
function inputsOf(graph: Graph): HostTensor<"float32">[] {
  return graph.inputs.map((id, i) => {
    const { shape } = graph.values[id];
    const made = randomTensor(shape, i + 1, 3);
    if (i === 1) for (let at = 1; at < made.data.length; at += 2) made.data[at] = made.data[at - 1];
    return made;
  });
}

async function rowsOf(graph: Graph, inputs: readonly HostTensor[]): Promise<HostTensor> {
  const [rows] = await (await createCpuBackend().compile(graph)).run([...inputs]);
  return rows;
}

/** Runs a file's operators on the host. */
function evaluated(
  bytes: Uint8Array,
  inputs: readonly HostTensor[],
): { declared: readonly unknown[]; output: OnnxValue } {
  const model = readOnnx(bytes);
  const meter = new Meter(1e8, 1e7);
  const values = new Map([...model.constants].map(([name, value]) => [name, fromTensor(value)]));
  for (const [i, { name }] of model.inputs.entries()) values.set(name, fromTensor(inputs[i]));
  for (const node of model.nodes) {
    const given = node.inputs.map((name) => values.get(name));
    const results = evaluateNode({ node, inputs: given, opset: model.opset, meter });
    for (const [i, name] of node.outputs.entries()) values.set(name, results[i]);
  }
  const output = values.get(model.outputs[0].name);
  if (!output) throw new Error("no output");
  return { declared: model.outputs[0].shape, output };
}

function expectClose(
  found: { readonly shape: readonly number[]; readonly data: ArrayLike<number> },
  wanted: HostTensor,
): void {
  expect(found.shape).toEqual(wanted.shape);
  const actual: HostTensor = { dtype: "float32", shape: found.shape, data: Float32Array.from(found.data) };
  expect(compare(actual, wanted).maxAbs).toBeLessThan(1e-3);
}

const HEADS: readonly Head[] = [
  { batch: 1, cells: 4, extras: 0 },
  { batch: 2, cells: 20, extras: 0 },
  { batch: 1, cells: 18, extras: KEYPOINTS },
];

describe("the rows of a head without anchors", () => {
  it.each(HEADS)("are exported as the best pairs of cell and class: %o", async (head) => {
    const graph = headOf(head);
    const inputs = inputsOf(graph);
    const wanted = endToEndOutput(await rowsOf(graph, inputs), CLASSES);
    const { declared, output } = evaluated(exportOnnx(graph, { headForm: { best: 300 } }), inputs);
    expect(declared).toEqual(wanted.shape);
    expectClose(output, wanted);
  });

  it("are exported with columns first", async () => {
    const graph = headOf(HEADS[1]);
    const inputs = inputsOf(graph);
    const rows = await rowsOf(graph, inputs);
    const { declared, output } = evaluated(exportOnnx(graph, { headForm: "columnsFirst" }), inputs);
    const [n, count, columns] = rows.shape;
    expect([declared, output.shape]).toEqual([
      [n, columns, count],
      [n, columns, count],
    ]);
    expect(output.data[(columns + 2) * count + 5]).toBeCloseTo(Number(rows.data[(count + 5) * columns + 2]), 3);
  });

  it("are refused for another graph", () => {
    const builder = new GraphBuilder();
    const x = builder.input("x", { shape: [1, 2, 3, 3], dtype: "float32" });
    const graph = builder.finish([builder.add("scale", "twice", [x], { factor: 2 })]);
    const forms: readonly HeadForm[] = ["columnsFirst", { best: 300 }, "softmax"];
    for (const headForm of forms) {
      expect(() => exportOnnx(graph, { headForm })).toThrow(GraphError);
      expect(() => exportOnnx(graph, { headForm })).toThrow(/its first output, twice, is not /);
    }
  });
});

it("class scores are exported as probabilities", () => {
  const builder = new GraphBuilder();
  const x = builder.input("x", { shape: [2, 2], dtype: "float32" });
  const graph = builder.finish([builder.add("scale", "twice", [x], { factor: 2 })]);
  const given: HostTensor = { dtype: "float32", shape: [2, 2], data: Float32Array.of(0, 0, 0, Math.log(3) / 2) };
  const { output } = evaluated(exportOnnx(graph, { headForm: "softmax" }), [given]);
  expectClose(output, { dtype: "float32", shape: [2, 2], data: Float32Array.of(0.5, 0.5, 0.25, 0.75) });
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

describe.skipIf(!installed)("ONNX Runtime", () => {
  it.each(HEADS)("selects the same boxes: %o", async (head) => {
    const { InferenceSession, Tensor } = createRequire(join(PEERS, "package.json"))("onnxruntime-node") as Runtime;
    const graph = headOf(head);
    const inputs = inputsOf(graph);
    const session = await InferenceSession.create(exportOnnx(graph, { headForm: { best: 300 } }));
    const feeds = inputs.map(({ shape, data }, i) => [
      i === 0 ? "images" : `images${i}`,
      new Tensor("float32", data, shape),
    ]);
    const { output0 } = await session.run(Object.fromEntries(feeds));
    expectClose({ shape: output0.dims, data: output0.data }, endToEndOutput(await rowsOf(graph, inputs), CLASSES));
  });
});
