/**
 * Requests of the Open Inference Protocol (V2) → the network's input, and the requested outputs. JSON tensors,
 * and the binary tensor data extension: the tensor's bytes follow the JSON.
 */

import { elementCount } from "../../../tensor/index.js";
import type { Face, ServedModel } from "../models/openModel.js";
import { RequestError } from "../requestError.js";
import type { InferJob } from "../work/jobs.js";

/** An output that a request asks for. */
export interface WantedOutput {
  /** Its position among the model's outputs. */
  readonly index: number;
  /** As bytes after the JSON, instead of numbers in it. */
  readonly binary: boolean;
}

export interface InferRequest {
  readonly id: string | undefined;
  readonly shape: InferJob["shape"];
  readonly data: Float32Array;
  readonly outputs: readonly WantedOutput[];
}

type Json = Readonly<Record<string, unknown>>;

/** Pictures in one request. */
const MOST_PICTURES = 1024;
const FLOAT_BYTES = 4;

export const badRequest = (message: string): RequestError => new RequestError(400, "request", message);

/**
 * @param body JSON, then the bytes of binary tensors.
 * @param jsonLength the header `Inference-Header-Content-Length`: where the JSON ends.
 * @throws RequestError 400 naming what is wrong.
 */
export function parseInferRequest(body: Uint8Array, jsonLength: string | undefined, model: ServedModel): InferRequest {
  const end = jsonLength === undefined ? body.length : Number(jsonLength);
  if (!Number.isInteger(end) || end < 0 || end > body.length) {
    throw badRequest(
      `Inference-Header-Content-Length must be the length of the JSON, 0 to ${body.length}, got ${String(jsonLength).slice(0, 40)}`,
    );
  }
  const request = jsonOf(body.subarray(0, end));
  const { id, inputs, outputs, parameters } = request;
  if (id !== undefined && typeof id !== "string") throw badRequest("id must be a string");
  if (!Array.isArray(inputs) || inputs.length !== 1)
    throw badRequest(`inputs must be one tensor, ${inputText(model.face)}`);
  const input = inputs[0] as Json | null;
  const shape = checkInput(input?.name, input?.datatype, input?.shape, model);
  const count = elementCount(shape);
  const size = parametersOf(input?.parameters).binary_data_size;
  const data = size === undefined ? numbersOf(input?.data, count) : floatsOf(body.subarray(end), count, Number(size));
  const allBinary = parametersOf(parameters).binary_data_output === true;
  return { id, shape, data, outputs: wantedOutputs(outputs, allBinary, model.face) };
}

function jsonOf(bytes: Uint8Array): Json {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw badRequest("the body is not JSON");
  }
  if (typeof value !== "object" || value === null) throw badRequest("the body must be a JSON object");
  return value as Json;
}

function parametersOf(value: unknown): Json {
  if (value === undefined) return {};
  if (typeof value !== "object" || value === null) throw badRequest("parameters must be an object");
  return value as Json;
}

function inputText({ input }: Face): string {
  return `${input.name} FP32 [n, 3, h, w], for example [${input.shape.join(", ")}]`;
}

/**
 * The shape of the input tensor.
 * @throws RequestError 400 unless the model takes it.
 */
export function checkInput(name: unknown, datatype: unknown, shape: unknown, model: ServedModel): InferJob["shape"] {
  const { face, info, maxImgsz } = model;
  if (name !== face.input.name) throw badRequest(`the input is ${inputText(face)}, not ${named(name)}`);
  if (datatype !== "FP32") throw badRequest(`${face.input.name} must be FP32, got ${named(datatype)}`);
  const sides: readonly unknown[] = Array.isArray(shape) ? shape : [];
  const stride = Math.max(1, ...info.strides);
  const [n, c, h, w] = sides;
  const side = (value: unknown): boolean =>
    Number.isInteger(value) && Number(value) >= stride && Number(value) <= maxImgsz && Number(value) % stride === 0;
  const whole = Number.isInteger(n) && Number(n) >= 1 && Number(n) <= MOST_PICTURES;
  if (sides.length !== 4 || c !== 3 || !whole || !side(h) || !side(w)) {
    throw badRequest(
      `${face.input.name} must be [n, 3, h, w] with n from 1 to ${MOST_PICTURES} and sides that are multiples of ${stride} up to ${maxImgsz}, got [${sides.slice(0, 8).map(named).join(", ")}]`,
    );
  }
  return [Number(n), 3, Number(h), Number(w)];
}

function named(value: unknown): string {
  return typeof value === "string"
    ? JSON.stringify(value.slice(0, 60))
    : typeof value === "number"
      ? `${value}`
      : typeof value;
}

/** Numbers of a JSON tensor, flat or nested. */
function numbersOf(value: unknown, count: number): Float32Array {
  if (!Array.isArray(value)) throw badRequest("give data as an array of numbers, or give parameters.binary_data_size");
  const flat: readonly unknown[] = value.length === count ? value : value.flat(4);
  if (flat.length !== count) throw badRequest(`data has ${flat.length} numbers, but its shape needs ${count}`);
  if (flat.some((element) => typeof element !== "number")) throw badRequest("data must be numbers");
  return Float32Array.from(flat as readonly number[]);
}

/**
 * Float32 values from their bytes, little-endian.
 * @throws RequestError 400 unless there are as many as the shape says.
 */
export function floatsOf(bytes: Uint8Array, count: number, size: number): Float32Array {
  const wanted = count * FLOAT_BYTES;
  if (size !== wanted || bytes.length !== wanted) {
    throw badRequest(`the tensor needs ${wanted} bytes; ${size} were announced and ${bytes.length} arrived`);
  }
  // After JSON of any length, the bytes are rarely aligned. Not `slice`, which returns a view for a Node Buffer.
  return new Float32Array(new Uint8Array(bytes).buffer);
}

/**
 * @param outputs as requested; undefined: all.
 * @throws RequestError 400 for one that the model does not have.
 */
export function wantedOutputs(outputs: unknown, allBinary: boolean, face: Face): readonly WantedOutput[] {
  if (outputs === undefined) return face.outputs.map((_, index) => ({ index, binary: allBinary }));
  if (!Array.isArray(outputs)) throw badRequest("outputs must be a list");
  return outputs.map((output: Json | null) => {
    const index = face.outputs.findIndex(({ name }) => name === output?.name);
    if (index < 0) {
      throw badRequest(
        `the outputs are ${face.outputs.map(({ name }) => name).join(", ")}, not ${named(output?.name)}`,
      );
    }
    const { binary_data: binary } = parametersOf(output?.parameters);
    return { index, binary: binary === undefined ? allBinary : binary === true };
  });
}
