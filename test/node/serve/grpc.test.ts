/** The Open Inference Protocol over gRPC: field numbers as published, and a client that has its own copy of the messages. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import * as loader from "@grpc/proto-loader";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { protocolDescription } from "../../../src/node/serve/grpc/messages.js";
import type { YoloServer } from "../../../src/node.js";
import { readSafetensors } from "../../../src/weights/index.js";
import { referenceInput } from "../../../src/yolov5/verify.js";
import { farthest, fixture, startSmall } from "./support.js";

/**
 * What a client needs, in the order and with the numbers of the protocol's published file (open_inference_grpc.proto of
 * kserve/open-inference-protocol): written here once more, so that a wrong number in the server is noticed.
 */
const PROTO = `
syntax = "proto3";
package inference;
service GRPCInferenceService {
  rpc ServerLive(Empty) returns (Live) {}
  rpc ServerReady(Empty) returns (Ready) {}
  rpc ModelReady(Named) returns (Ready) {}
  rpc ServerMetadata(Empty) returns (ServerFacts) {}
  rpc ModelMetadata(Named) returns (ModelFacts) {}
  rpc ModelInfer(Ask) returns (Answer) {}
  rpc RepositoryIndex(Empty) returns (Index) {}
}
message Empty {}
message Live { bool live = 1; }
message Ready { bool ready = 1; }
message Named { string name = 1; string version = 2; }
message ServerFacts { string name = 1; string version = 2; repeated string extensions = 3; }
message Shape { string name = 1; string datatype = 2; repeated int64 shape = 3; }
message ModelFacts {
  string name = 1; repeated string versions = 2; string platform = 3; repeated Shape inputs = 4; repeated Shape outputs = 5;
}
message Numbers { repeated float fp32_contents = 6; }
message Tensor { string name = 1; string datatype = 2; repeated int64 shape = 3; Numbers contents = 5; }
message Wanted { string name = 1; }
message Ask {
  string model_name = 1; string model_version = 2; string id = 3; repeated Tensor inputs = 5; repeated Wanted outputs = 6;
  repeated bytes raw_input_contents = 7;
}
message Answer {
  string model_name = 1; string model_version = 2; string id = 3; repeated Tensor outputs = 5;
  repeated bytes raw_output_contents = 6;
}
message Entry { string name = 1; string version = 2; string state = 3; string reason = 4; }
message Index { repeated Entry models = 1; }
`;

type Json = Record<string, unknown>;

/** Every field of a message as `name = number: type`. */
function fieldsOf(message: string): string[] {
  const described = protocolDescription().nested.inference.nested as Record<string, unknown>;
  const [outer, inner] = message.split(".");
  const found = described[outer] as { fields: Json; nested?: Record<string, { fields: Json }> };
  const { fields } = inner === undefined ? found : (found.nested?.[inner] ?? { fields: {} });
  return Object.entries(fields).map(([name, field]) => {
    const { id, type, rule, keyType } = field as { id: number; type: string; rule?: string; keyType?: string };
    return `${name}=${id} ${keyType === undefined ? "" : "map "}${rule === undefined ? "" : `${rule} `}${type}`;
  });
}

test("field numbers are those of the protocol", () => {
  const tensor = [
    "name=1 string",
    "datatype=2 string",
    "shape=3 repeated int64",
    "parameters=4 map InferParameter",
    "contents=5 InferTensorContents",
  ];
  expect(fieldsOf("ModelInferRequest")).toEqual([
    "model_name=1 string",
    "model_version=2 string",
    "id=3 string",
    "parameters=4 map InferParameter",
    "inputs=5 repeated InferInputTensor",
    "outputs=6 repeated InferRequestedOutputTensor",
    "raw_input_contents=7 repeated bytes",
  ]);
  expect(fieldsOf("ModelInferRequest.InferInputTensor")).toEqual(tensor);
  expect(fieldsOf("ModelInferRequest.InferRequestedOutputTensor")).toEqual([
    "name=1 string",
    "parameters=2 map InferParameter",
  ]);
  expect(fieldsOf("ModelInferResponse")).toEqual([
    "model_name=1 string",
    "model_version=2 string",
    "id=3 string",
    "parameters=4 map InferParameter",
    "outputs=5 repeated InferOutputTensor",
    "raw_output_contents=6 repeated bytes",
  ]);
  expect(fieldsOf("ModelInferResponse.InferOutputTensor")).toEqual(tensor);
  expect(fieldsOf("InferParameter")).toEqual([
    "bool_param=1 bool",
    "int64_param=2 int64",
    "string_param=3 string",
    "double_param=4 double",
    "uint64_param=5 uint64",
  ]);
  expect(fieldsOf("InferTensorContents")).toEqual([
    "bool_contents=1 repeated bool",
    "int_contents=2 repeated int32",
    "int64_contents=3 repeated int64",
    "uint_contents=4 repeated uint32",
    "uint64_contents=5 repeated uint64",
    "fp32_contents=6 repeated float",
    "fp64_contents=7 repeated double",
    "bytes_contents=8 repeated bytes",
  ]);
  expect(fieldsOf("ServerMetadataResponse")).toEqual([
    "name=1 string",
    "version=2 string",
    "extensions=3 repeated string",
  ]);
  expect(fieldsOf("ModelMetadataResponse")).toEqual([
    "name=1 string",
    "versions=2 repeated string",
    "platform=3 string",
    "inputs=4 repeated TensorMetadata",
    "outputs=5 repeated TensorMetadata",
  ]);
  expect(fieldsOf("ModelMetadataResponse.TensorMetadata")).toEqual(tensor.slice(0, 3));
  expect(fieldsOf("ModelReadyRequest")).toEqual(["name=1 string", "version=2 string"]);
  expect(fieldsOf("RepositoryIndexResponse.ModelIndex")).toEqual([
    "name=1 string",
    "version=2 string",
    "state=3 string",
    "reason=4 string",
  ]);
});

describe("a server", () => {
  let server: YoloServer;
  let client: grpc.Client & Record<string, (...words: unknown[]) => unknown>;
  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), "yolov5-proto-"));
    const file = join(folder, "client.proto");
    writeFileSync(file, PROTO);
    const options = { keepCase: true, longs: Number, defaults: true };
    const { inference } = grpc.loadPackageDefinition(loader.loadSync(file, options)) as unknown as {
      inference: { GRPCInferenceService: grpc.ServiceClientConstructor };
    };
    rmSync(folder, { recursive: true });
    server = await startSmall({ grpcPort: 0, apiKey: "a secret" });
    const channel = { "grpc.max_receive_message_length": -1 };
    const credentials = grpc.credentials.createInsecure();
    client = new inference.GRPCInferenceService(
      server.grpcAddress ?? "",
      credentials,
      channel,
    ) as unknown as typeof client;
  });
  afterAll(async () => {
    client.close();
    await server.close();
  });

  const call = (name: string, request: object, key = "a secret"): Promise<Json> => {
    const metadata = new grpc.Metadata();
    metadata.set("authorization", `Bearer ${key}`);
    return new Promise((resolve, reject) => {
      client[name](request, metadata, (error: Error | null, answer: Json) => (error ? reject(error) : resolve(answer)));
    });
  };

  test("answers health, metadata and index", async () => {
    expect(await call("ServerLive", {})).toEqual({ live: true });
    expect(await call("ServerReady", {})).toEqual({ ready: true });
    expect(await call("ModelReady", { name: "v6" })).toEqual({ ready: true });
    expect(await call("ServerMetadata", {})).toMatchObject({ name: "yolov5-ts" });
    expect(await call("ModelMetadata", { name: "v6" })).toMatchObject({
      name: "v6",
      versions: ["1"],
      inputs: [{ name: "images", datatype: "FP32", shape: [1, 3, 640, 640] }],
      outputs: [{ name: "output0", datatype: "FP32", shape: [1, 25200, 8] }],
    });
    expect(await call("RepositoryIndex", {})).toEqual({
      models: [{ name: "v6", version: "1", state: "READY", reason: "" }],
    });
  });

  test("inference with raw bytes or numbers gives PyTorch's prediction", async () => {
    const path = fixture("v6.layers.safetensors");
    const { tensors } = readSafetensors(new Uint8Array(readFileSync(path)), { path });
    const { shape, data } = referenceInput(tensors, path);
    const expected = tensors.get("prediction")?.data as Float32Array;
    const input = { name: "images", datatype: "FP32", shape };
    const raw = Buffer.from((data as Float32Array).buffer);
    for (const request of [
      { inputs: [input], raw_input_contents: [raw] },
      { inputs: [{ ...input, contents: { fp32_contents: [...(data as Float32Array)] } }] },
    ]) {
      const answer = await call("ModelInfer", { model_name: "v6", id: "7", ...request });
      expect(answer).toMatchObject({ model_name: "v6", model_version: "1", id: "7" });
      const [bytes] = answer.raw_output_contents as Buffer[];
      const floats = new Float32Array(new Uint8Array(bytes).buffer);
      expect(floats.length).toBe(expected.length);
      expect(farthest(floats, expected)).toBeLessThan(1e-3);
    }
  });

  test("refusals have fitting status codes", async () => {
    const code = (promise: Promise<unknown>): Promise<number> =>
      promise.then(
        () => grpc.status.OK,
        (error: grpc.ServiceError) => error.code,
      );
    expect(await code(call("ModelMetadata", { name: "other" }))).toBe(grpc.status.NOT_FOUND);
    expect(await code(call("ModelMetadata", { name: "v6" }, "wrong"))).toBe(grpc.status.UNAUTHENTICATED);
    expect(await code(call("ServerLive", {}, "wrong"))).toBe(grpc.status.OK);
    expect(await code(call("ModelInfer", { model_name: "v6" }))).toBe(grpc.status.INVALID_ARGUMENT);
    const inputs = [{ name: "images", datatype: "FP32", shape: [1, 3, 32, 32] }];
    const short = { model_name: "v6", inputs, raw_input_contents: [Buffer.alloc(4)] };
    expect(await code(call("ModelInfer", short))).toBe(grpc.status.INVALID_ARGUMENT);
  });
});
