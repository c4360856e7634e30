/** An ONNX model under construction: nodes, initialisers and the messages of onnx.proto (github.com/onnx/onnx, IR version 7). */

import { UnsupportedError } from "../errors.js";
import { type HostTensor, tensor } from "../tensor/index.js";
import { ProtobufWriter } from "./protobuf.js";

/** Opset 13: the newest whose operators every runtime in use reads, and in which Softmax works along one axis. */
export const OPSET = 13;
const IR_VERSION = 7;

/** TensorProto.DataType. */
const ELEMENT = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7 } as const;
/** AttributeProto.AttributeType. */
const ATTRIBUTE = { float: 1, int: 2, string: 3, ints: 7 } as const;

/** A whole number is written as INT; FLOAT attributes are marked, since 1.0 and 1 are one number here. */
export type OnnxAttribute = number | string | readonly number[] | { readonly float: number };

/** Tensors that go in or out. */
export interface OnnxPort {
  readonly name: string;
  readonly shape: readonly number[];
}

export class OnnxGraph {
  private readonly nodes: ProtobufWriter[] = [];
  private readonly initializers: ProtobufWriter[] = [];
  private readonly names = new Set<string>();
  private readonly shared = new Map<string, string>();

  /** `wanted`, or with a number behind it where it is taken: every name of a graph must be its own. */
  reserve(wanted: string): string {
    let name = wanted;
    for (let i = 1; this.names.has(name); i++) name = `${wanted}_${i}`;
    this.names.add(name);
    return name;
  }

  /** Adds an operator and returns its outputs' names. An empty input name leaves an optional input out. */
  nodeOf(
    operator: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
  ): void {
    const node = new ProtobufWriter();
    for (const input of inputs) node.string(1, input);
    for (const output of outputs) node.string(2, output);
    node.string(3, outputs[0]).string(4, operator);
    for (const [name, value] of Object.entries(attributes)) node.message(5, attributeProto(name, value));
    this.nodes.push(node);
  }

  /** Adds an operator with one output, whose name is returned. */
  node(
    operator: string,
    inputs: readonly string[],
    output: string,
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
  ): string {
    const name = this.reserve(output);
    this.nodeOf(operator, inputs, [name], attributes);
    return name;
  }

  /** A weight. @throws UnsupportedError for a type that no operator here takes. */
  initializer(wanted: string, value: HostTensor): string {
    const name = this.reserve(wanted);
    this.initializers.push(tensorProto(name, value));
    return name;
  }

  /** float32 constants; equal ones of equal shape are written once. */
  floats(values: readonly number[], shape: readonly number[] = []): string {
    const make = (): HostTensor => tensor("float32", shape, Float32Array.from(values));
    return this.constant(`float_${shape.join("x")}`, values, make);
  }

  /** A one-dimensional int64 constant. */
  longs(values: readonly number[]): string {
    const make = (): HostTensor => tensor("int64", [values.length], BigInt64Array.from(values.map(BigInt)));
    return this.constant("int64", values, make);
  }

  /** A single byte. */
  bytes(value: number): string {
    return this.constant("uint8", [value], () => tensor("uint8", [], Uint8Array.of(value)));
  }

  /** The result of `add`, which is called once per key. */
  once(key: string, add: () => string): string {
    let name = this.shared.get(key);
    if (name === undefined) {
      name = add();
      this.shared.set(key, name);
    }
    return name;
  }

  private constant(kind: string, values: readonly number[], make: () => HostTensor): string {
    return this.once(`${kind}:${values.join()}`, () => this.initializer(`constant_${this.shared.size}`, make()));
  }

  /** The bytes of the file. */
  finish(
    inputs: readonly OnnxPort[],
    outputs: readonly OnnxPort[],
    about: { readonly producer: string; readonly version: string; readonly metadata: Readonly<Record<string, string>> },
  ): Uint8Array {
    const graph = new ProtobufWriter();
    for (const node of this.nodes) graph.message(1, node);
    graph.string(2, "yolov5");
    for (const initializer of this.initializers) graph.message(5, initializer);
    for (const port of inputs) graph.message(11, valueInfo(port));
    for (const port of outputs) graph.message(12, valueInfo(port));
    const model = new ProtobufWriter()
      .int(1, IR_VERSION)
      .string(2, about.producer)
      .string(3, about.version)
      .message(7, graph)
      .message(8, new ProtobufWriter().string(1, "").int(2, OPSET));
    for (const [key, value] of Object.entries(about.metadata)) {
      model.message(14, new ProtobufWriter().string(1, key).string(2, value));
    }
    return model.finish();
  }
}

function attributeProto(name: string, value: OnnxAttribute): ProtobufWriter {
  const out = new ProtobufWriter().string(1, name);
  if (typeof value === "number") return out.int(3, value).int(20, ATTRIBUTE.int);
  if (typeof value === "string") return out.string(4, value).int(20, ATTRIBUTE.string);
  if ("float" in value) return out.float(2, value.float).int(20, ATTRIBUTE.float);
  return out.ints(8, value).int(20, ATTRIBUTE.ints);
}

function tensorProto(name: string, { dtype, shape, data }: HostTensor): ProtobufWriter {
  if (!(dtype in ELEMENT)) {
    const known = Object.keys(ELEMENT).join(", ");
    throw new UnsupportedError(`ONNX export: weight ${name} is ${dtype}; only ${known} are written`, { name });
  }
  // The raw bytes as files hold them: every platform with WebGPU or WASM is little-endian already.
  return new ProtobufWriter()
    .ints(1, shape)
    .int(2, ELEMENT[dtype as keyof typeof ELEMENT])
    .string(8, name)
    .bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

function valueInfo({ name, shape }: OnnxPort): ProtobufWriter {
  const dims = new ProtobufWriter();
  for (const size of shape) dims.message(1, new ProtobufWriter().int(1, size));
  const type = new ProtobufWriter().int(1, ELEMENT.float32).message(2, dims);
  return new ProtobufWriter().string(1, name).message(2, new ProtobufWriter().message(1, type));
}
