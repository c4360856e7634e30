/** Quantized networks as QDQ: what the file holds, and that ONNX Runtime (where it is installed) gives what this engine gives. */

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { decodeImage } from "../../src/image/index.js";
import { openWasm } from "../../src/node/wasm.js";
import { exportOnnx } from "../../src/onnx/index.js";
import { optimize } from "../../src/ops/index.js";
import { createCpuBackend } from "../../src/runtime/cpu/backend.js";
import { compare, tensor } from "../../src/tensor/index.js";
import { letterbox, toTensor } from "../../src/yolov5/input/letterbox.js";
import { createMember, openModel } from "../../src/yolov5/loadModel.js";
import { INTEGER_CASES } from "../runtime/wasm/integers/integerCases.js";
import { quantizedFile } from "../runtime/wasm/integers/quantizedNetworks.js";
import { REPOSITORY } from "../support/reference.js";
import { readOnnx } from "./onnxReader.js";

interface Runtime {
  readonly InferenceSession: {
    create(bytes: Uint8Array): Promise<{ run(feeds: object): Promise<Record<string, { data: Float32Array }>> }>;
  };
  readonly Tensor: new (type: "float32", data: Float32Array, shape: readonly number[]) => object;
}
const PEERS = join(REPOSITORY, "bench", "peers");
const installed = existsSync(join(PEERS, "node_modules", "onnxruntime-node"));
const runtime = (): Runtime => createRequire(join(PEERS, "package.json"))("onnxruntime-node") as Runtime;

describe("a quantized convolution in an ONNX file", () => {
  const [{ graph }] = INTEGER_CASES;

  it("reads rounded values, int8 weights with a scale per channel, and an int32 bias", () => {
    const { nodes, initializers } = readOnnx(exportOnnx(optimize(graph), { quantized: true }));
    const operators = nodes.map(({ type }) => type);
    expect(operators.filter((name) => name !== "Identity")).toEqual([
      "QuantizeLinear",
      "DequantizeLinear",
      "DequantizeLinear",
      "DequantizeLinear",
      "Conv",
    ]);
    expect([...initializers.keys()]).toEqual(
      expect.arrayContaining(["conv.weight", "conv.weight_scale", "conv.bias", "conv.bias_scale"]),
    );
  });

  it("is float32 unless int8 is requested", () => {
    const { nodes } = readOnnx(exportOnnx(optimize(graph)));
    expect(nodes.map(({ type }) => type)).toEqual(["Conv", "Identity"]);
  });

  it("is float32 with weights of fifteen bits", () => {
    const own = INTEGER_CASES.find(({ wide }) => wide)?.graph ?? graph;
    const { nodes } = readOnnx(exportOnnx(optimize(own), { quantized: true }));
    expect(nodes.map(({ type }) => type)).toEqual(["Conv", "Identity"]);
  });

  it.skipIf(!installed).each(INTEGER_CASES.filter(({ wide }) => !wide).map((c) => [c.name, c] as const))(
    "gives the same in ONNX Runtime as here: %s",
    async (_, { graph: own, inputs }) => {
      const { InferenceSession, Tensor } = runtime();
      const names = inputs.map((_, i) => `in${i}`);
      const bytes = exportOnnx(optimize(own), { quantized: true, inputNames: names });
      const session = await InferenceSession.create(bytes);
      const feeds = Object.fromEntries(
        names.map((n, i) => [n, new Tensor("float32", inputs[i].data, inputs[i].shape)]),
      );
      const { output0 } = await session.run(feeds);
      const [expected] = await (await createCpuBackend().compile(own, { dtype: "int8" })).run(inputs);
      // Where a value stands between two steps, one division and one multiplication may round it to either.
      expect(compare(tensor("float32", expected.shape, output0.data), expected).nmse).toBeLessThan(1e-5);
    },
  );
});

describe.skipIf(!installed)("a quantized network in ONNX Runtime", () => {
  it("gives the same rows", async () => {
    const { InferenceSession, Tensor } = runtime();
    const wasm = await openWasm({ threads: 1 });
    const path = join(REPOSITORY, "models", "codes.safetensors");
    const bytes = await quantizedFile({ name: "codes", path }, wasm, 128);
    const { network } = createMember(openModel(bytes, { path }), wasm, { path, dtype: "int8" });
    const picture = await decodeImage(readFileSync(join(REPOSITORY, "examples", "codes.png")));
    const input = toTensor([letterbox(picture, { size: [128, 128], stride: 32, auto: false }).image]);
    const file = exportOnnx(optimize(network.build([1, 3, 128, 128]).graph), { quantized: true });
    expect(file.length).toBeLessThan(1.2 * bytes.length);
    const session = await InferenceSession.create(file);
    const theirs = await session.run({ images: new Tensor("float32", input.data as Float32Array, input.shape) });
    const [ours] = await network.forward(input);
    const { nmse } = compare(tensor("float32", ours.shape, theirs.output0.data), ours);
    expect(nmse).toBeLessThan(1e-4);
    wasm.dispose();
  });
});
