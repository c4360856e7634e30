/** ONNX files for tests, written field by field: any opset, any type, and whatever else a file may claim. */

import { ProtobufWriter } from "../../src/onnx/protobuf.js";
import { type DType, type HostTensor, tensor } from "../../src/tensor/index.js";

export type AttributeValue =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly tensor: HostTensor }
  | { readonly external: ExternalTensor };

/** A float32 tensor in a file of its own: location, offset and length as the file states them. */
export interface ExternalTensor {
  readonly shape: readonly number[];
  readonly entries: Readonly<Record<string, string>>;
}

export interface WrittenNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
  readonly domain?: string;
  readonly name?: string;
}

export interface WrittenFile {
  readonly opset?: number;
  readonly nodes: readonly WrittenNode[];
  readonly constants?: Readonly<Record<string, HostTensor>>;
  /** Constants in files of their own. */
  readonly external?: Readonly<Record<string, ExternalTensor>>;
  readonly inputs?: Readonly<Record<string, readonly (number | string)[]>>;
  /** TensorProto.DataType of the inputs, 1 (float32) by default. */
  readonly inputType?: number;
  readonly outputs: Readonly<Record<string, readonly (number | string)[]>>;
  readonly metadata?: Readonly<Record<string, string>>;
}

const TYPES: Readonly<Partial<Record<DType, number>>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
};

export function tensorMessage(name: string, { dtype, shape, data }: HostTensor): ProtobufWriter {
  return new ProtobufWriter()
    .ints(1, shape)
    .int(2, TYPES[dtype] ?? 99)
    .string(8, name)
    .bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

function attributeMessage(name: string, value: AttributeValue): ProtobufWriter {
  const out = new ProtobufWriter().string(1, name);
  if (typeof value === "number") return out.int(3, value).int(20, 2);
  if (typeof value === "string") return out.string(4, value).int(20, 3);
  if ("float" in value) return out.float(2, value.float).int(20, 1);
  if ("tensor" in value) return out.message(5, tensorMessage("", value.tensor)).int(20, 4);
  if ("external" in value) return out.message(5, externalMessage("", value.external)).int(20, 4);
  return out.ints(8, value).int(20, 7);
}

export function nodeMessage({ operator, inputs, outputs, attributes = {}, domain, name }: WrittenNode): ProtobufWriter {
  const node = new ProtobufWriter();
  for (const input of inputs) node.string(1, input);
  for (const output of outputs) node.string(2, output);
  node.string(3, name ?? `/${outputs[0]}/${operator}`).string(4, operator);
  for (const [key, value] of Object.entries(attributes)) node.message(5, attributeMessage(key, value));
  return domain === undefined ? node : node.string(7, domain);
}

function portMessage(name: string, shape: readonly (number | string)[], elementType = 1): ProtobufWriter {
  const dims = new ProtobufWriter();
  for (const size of shape) {
    const one = new ProtobufWriter();
    dims.message(1, typeof size === "number" ? one.int(1, size) : one.string(2, size));
  }
  const type = new ProtobufWriter().int(1, elementType).message(2, dims);
  return new ProtobufWriter().string(1, name).message(2, new ProtobufWriter().message(1, type));
}

const pair = (key: string, value: string): ProtobufWriter => new ProtobufWriter().string(1, key).string(2, value);

function externalMessage(name: string, { shape, entries }: ExternalTensor): ProtobufWriter {
  const message = new ProtobufWriter().ints(1, shape).int(2, 1).string(8, name);
  for (const [key, value] of Object.entries(entries)) message.message(13, pair(key, value));
  return message.int(14, 1);
}

export function writeOnnx(file: WrittenFile): Uint8Array {
  const graph = new ProtobufWriter();
  for (const node of file.nodes) graph.message(1, nodeMessage(node));
  for (const [name, value] of Object.entries(file.constants ?? {})) graph.message(5, tensorMessage(name, value));
  for (const [name, value] of Object.entries(file.external ?? {})) graph.message(5, externalMessage(name, value));
  for (const [name, shape] of Object.entries(file.inputs ?? { images: [1, 3, 64, 64] }))
    graph.message(11, portMessage(name, shape, file.inputType));
  for (const [name, shape] of Object.entries(file.outputs)) graph.message(12, portMessage(name, shape));
  const model = new ProtobufWriter()
    .int(1, 7)
    .string(2, "test")
    .message(7, graph)
    .message(8, new ProtobufWriter().string(1, "").int(2, file.opset ?? 13));
  for (const [key, value] of Object.entries(file.metadata ?? {})) model.message(14, pair(key, value));
  return model.finish();
}

export const floats = (shape: readonly number[], data: readonly number[]): HostTensor =>
  tensor("float32", shape, Float32Array.from(data));

export const longs = (...values: readonly number[]): HostTensor =>
  tensor("int64", [values.length], BigInt64Array.from(values, BigInt));
