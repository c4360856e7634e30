/** The Open Inference Protocol over REST, spoken by a client that knows only the protocol's text. */

import { readFileSync } from "node:fs";
import { Ajv } from "ajv";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodeImage } from "../../../src/image/index.js";
import type { YoloServer } from "../../../src/node.js";
import { readSafetensors } from "../../../src/weights/index.js";
import { letterbox } from "../../../src/yolov5/input/letterbox.js";
import { referenceInput } from "../../../src/yolov5/verify.js";
import {
  BOX_TOLERANCE,
  checkpointOf,
  pictureNamed,
  readReference,
  SCORE_TOLERANCE,
} from "../../parity/support/references.js";
import { referenceMissing } from "../../support/reference.js";
import { farthest, fixture, startSmall, withSmall } from "./support.js";
import { boxesOf, V2Client } from "./v2Client.js";

/** The picture and the prediction that PyTorch recorded for a fixture. */
function recorded(name: string) {
  const path = fixture(`${name}.layers.safetensors`);
  const { tensors } = readSafetensors(new Uint8Array(readFileSync(path)), { path });
  const input = referenceInput(tensors, path);
  return { shape: input.shape, data: input.data as Float32Array, tensors };
}

describe("a small network", () => {
  let server: YoloServer;
  let client: V2Client;
  beforeAll(async () => {
    const models = [
      { name: "small", weights: fixture("v6.pt") },
      { name: "small", version: "10", weights: fixture("v6.pt") },
      { name: "small", version: "9", weights: fixture("csp.pt") },
      { name: "masks", weights: fixture("seg.pt") },
      { name: "classes", weights: fixture("cls.pt") },
    ];
    server = await startSmall({ models });
    client = new V2Client(server.url);
  });
  afterAll(() => server.close());

  test("answers follow the schemas of the description, which use the protocol's names", async () => {
    const description = (await client.get("openapi.json")) as { components: { schemas: Record<string, object> } };
    const ajv = new Ajv({ strict: false }).addSchema({ $id: "openapi", ...description });
    const check = (schema: string, value: unknown): void => {
      expect([
        schema,
        ajv.validate({ $ref: `openapi#/components/schemas/${schema}` }, value),
        ajv.errorsText(),
      ]).toEqual([schema, true, "No errors"]);
    };
    check("metadata_server_response", await client.get("v2"));
    check("metadata_server_response", await client.get("v2/"));
    check("live_response", await client.get("v2/health/live"));
    check("ready_response", await client.get("v2/health/ready"));
    check("model_ready_response", await client.get("v2/models/small/ready"));
    check("model_ready_response", await client.get("v2/models/small/versions/9/ready"));
    check("metadata_model_response", await client.get("v2/models/masks"));
    check("model_config", await client.get("v2/models/masks/config"));
    const { shape, data } = recorded("v6");
    check("inference_response", await client.inferJson("small", shape, data));
    const index = await fetch(`${server.url}/v2/repository/index`, { method: "POST", body: '{"ready":true}' });
    check("repository_index_response", await index.json());
    const picture = await fetch(`${server.url}/detect?imgsz=64`, {
      method: "POST",
      body: readFileSync(fixture("picture.png")),
    });
    check("detect_response", await picture.json());
    const wrong = await fetch(`${server.url}/v2/models/small/infer`, { method: "POST", body: "{}" });
    expect(wrong.status).toBe(400);
    check("error", await wrong.json());
  });

  test("metadata match the ONNX export", async () => {
    const { inputs, outputs, versions } = await client.metadata("masks");
    expect(inputs).toEqual([{ name: "images", datatype: "FP32", shape: [1, 3, 640, 640] }]);
    expect(outputs).toEqual([
      { name: "output0", datatype: "FP32", shape: [1, 25200, 40] },
      { name: "output1", datatype: "FP32", shape: [1, 32, 160, 160] },
    ]);
    expect(versions).toEqual(["1"]);
    expect((await client.metadata("small")).versions).toEqual(["1", "9", "10"]);
  });

  test("JSON and binary tensors give PyTorch's prediction, identical to the bit", async () => {
    const { shape, data, tensors } = recorded("v6");
    const expected = tensors.get("prediction");
    const json = await client.inferJson("small", shape, data);
    expect(json).toMatchObject({ model_name: "small", model_version: "10", id: "42" });
    const [output] = json.outputs;
    expect(output).toMatchObject({ name: "output0", datatype: "FP32", shape: expected?.shape });
    expect(farthest(output.data ?? [], (expected?.data ?? []) as Float32Array)).toBeLessThan(1e-3);
    const [binary] = await client.inferBinary("small", shape, data);
    expect(binary.shape).toEqual(output.shape);
    expect([...binary.data]).toEqual(output.data);
  });

  test("nested arrays, one of two outputs, and a specific version work", async () => {
    const { shape, data } = recorded("seg");
    const [, , h, w] = shape;
    const rows = Array.from({ length: 3 }, (_, c) =>
      Array.from({ length: h }, (_, y) => [...data.subarray((c * h + y) * w, (c * h + y + 1) * w)]),
    );
    const inputs = [{ name: "images", shape, datatype: "FP32", data: [rows] }];
    const { outputs } = await client.json("masks", { inputs, outputs: [{ name: "output1" }] });
    expect(outputs.map(({ name }) => name)).toEqual(["output1"]);
    const [, prototypes] = await client.inferBinary("masks", shape, data);
    expect([...prototypes.data]).toEqual(outputs[0].data);
    const answer = await fetch(`${server.url}/v2/models/small/versions/9/infer`, {
      method: "POST",
      body: JSON.stringify({ inputs: [{ name: "images", shape, datatype: "FP32", data: [...data] }] }),
    });
    expect(await answer.json()).toMatchObject({ model_version: "9" });
  });

  test("a batch gives the same as its pictures one by one", async () => {
    const { shape, data } = recorded("v6");
    const batch = new Float32Array(data.length * 3);
    for (let n = 0; n < 3; n++) batch.set(n === 1 ? data.map((x) => 1 - x) : data, n * data.length);
    const [all] = await client.inferBinary("small", [3, ...shape.slice(1)], batch);
    const [one] = await client.inferBinary("small", shape, data);
    expect(all.shape).toEqual([3, ...one.shape.slice(1)]);
    const part = (n: number): Float32Array => all.data.subarray(n * one.data.length, (n + 1) * one.data.length);
    expect(part(0)).toEqual(one.data);
    expect(part(2)).toEqual(one.data);
    expect(part(1)).not.toEqual(one.data);
  });

  test("a classification network gives logits", async () => {
    const { shape, data, tensors } = recorded("cls");
    const [{ shape: outputShape, data: logits }] = await client.inferBinary("classes", shape, data);
    expect(outputShape).toEqual([1, 5]);
    expect(farthest(logits, tensors.get("prediction")?.data as Float32Array)).toBeLessThan(1e-4);
  });

  const input = (change: object): object => ({
    inputs: [{ name: "images", shape: [1, 3, 32, 32], datatype: "FP32", data: new Array(3072).fill(0), ...change }],
  });
  test.each([
    ["no inputs", {}, /inputs must be one tensor, images FP32/],
    ["another name", input({ name: "image" }), /the input is images FP32 .* not "image"/],
    ["another type", input({ datatype: "FP16" }), /images must be FP32, got "FP16"/],
    ["too few numbers", input({ data: [1, 2] }), /data has 2 numbers, but its shape needs 3072/],
    ["texts", input({ data: new Array(3072).fill("0") }), /data must be numbers/],
    ["no data", input({ data: undefined }), /give data as an array of numbers/],
    [
      "a side that is no multiple",
      input({ shape: [1, 3, 33, 32] }),
      /multiples of 32 up to 1280, got \[1, 3, 33, 32\]/,
    ],
    ["a shape that would fill the memory", input({ shape: [1e6, 3, 4096, 4096] }), /images must be \[n, 3, h, w\]/],
    ["a shape of texts", input({ shape: ["1", "3"] }), /got \["1", "3"\]/],
    ["an unknown output", { ...input({}), outputs: [{ name: "boxes" }] }, /the outputs are output0, not "boxes"/],
    ["an output twice", { ...input({}), outputs: [{ name: "output0" }, { name: "output0" }] }, /requested twice/],
  ])("%s: 400", async (_, request, message) => {
    await expect(client.json("small", request)).rejects.toThrow(/^400: /);
    await expect(client.json("small", request)).rejects.toThrow(message);
  });

  test("binary data with another length than announced, or a lying header: 400", async () => {
    const send = async (json: object, bytes: number, header?: string): Promise<string> => {
      const text = Buffer.from(JSON.stringify(json));
      const answer = await fetch(`${server.url}/v2/models/small/infer`, {
        method: "POST",
        headers: { "inference-header-content-length": header ?? String(text.length) },
        body: Buffer.concat([text, Buffer.alloc(bytes)]),
      });
      return `${answer.status} ${((await answer.json()) as { error: string }).error}`;
    };
    const sized = (size: unknown): object => ({
      inputs: [{ name: "images", shape: [1, 3, 32, 32], datatype: "FP32", parameters: { binary_data_size: size } }],
    });
    expect(await send(sized(12288), 100)).toBe(
      "400 the tensor needs 12288 bytes; 12288 were announced and 100 arrived",
    );
    expect(await send(sized(100), 12288)).toMatch(/^400 the tensor needs 12288 bytes; 100 were announced/);
    expect(await send(sized({}), 12288)).toMatch(/^400 the tensor needs/);
    for (const header of ["-1", "1e9", "x", "1.5"]) {
      expect(await send(sized(12288), 12288, header)).toMatch(/^400 Inference-Header-Content-Length must be/);
    }
  });

  test("an unknown model or version: 404", async () => {
    await expect(client.metadata("other")).rejects.toThrow(
      /^404: no model other; the models are small, masks, classes/,
    );
    await expect(client.get("v2/models/small/versions/3/ready")).rejects.toThrow(/^404: /);
  });
});

describe.skipIf(referenceMissing("weights", "yolov5n.pt"))("yolov5n", () => {
  test("a client of the protocol gets YOLOv5's boxes, as JSON and as binary", async () => {
    await withSmall({ models: checkpointOf("yolov5n") }, async ({ url }) => {
      const client = new V2Client(url);
      const [name] = await client.modelNames();
      const { inputs } = await client.metadata(name);
      const [{ shape }] = inputs;
      const run = readReference("yolov5n").runs.find(
        ({ image, rect, size, conf, options }) =>
          image === "bus.jpg" && rect === false && size === 640 && conf === 0.25 && options?.multi_label === undefined,
      );
      const picture = await decodeImage(new Uint8Array(readFileSync(pictureNamed("bus.jpg"))));
      const { image, ratio, pad } = letterbox(picture, { size: [shape[2], shape[3]], auto: false });
      const area = shape[2] * shape[3];
      const data = new Float32Array(3 * area);
      for (let i = 0; i < area; i++) for (let c = 0; c < 3; c++) data[c * area + i] = image.data[i * 3 + c] / 255;
      const [binary] = await client.inferBinary(name, shape, data);
      const [json] = (await client.inferJson(name, shape, data)).outputs;
      const expected = run?.detections ?? [];
      expect(expected.length).toBeGreaterThan(2);
      for (const output of [binary, { shape: json.shape, data: Float32Array.from(json.data ?? []) }]) {
        const boxes = boxesOf(output, 0.25, run?.iou ?? 0.45);
        expect(boxes.map(({ cls }) => cls)).toEqual(expected.map(({ cls }) => cls));
        for (const [i, { box, score }] of boxes.entries()) {
          const sides = [picture.width, picture.height];
          const original = box.map((value, k) =>
            Math.max(0, Math.min((value - pad[k % 2]) / ratio[k % 2], sides[k % 2])),
          );
          expect(farthest(original, expected[i].box)).toBeLessThan(BOX_TOLERANCE);
          expect(Math.abs(score - expected[i].score)).toBeLessThan(SCORE_TOLERANCE);
        }
      }
    });
  });
});
