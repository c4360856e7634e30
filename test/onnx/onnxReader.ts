/** Reads ONNX files for tests, written from onnx.proto and apart from the exporter. */

import { type HostTensor, tensor } from "../../src/tensor/index.js";

interface Field {
  readonly number: number;
  readonly wire: number;
  readonly value: bigint;
  readonly bytes: Uint8Array;
}

function fieldsOf(bytes: Uint8Array): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      if (at >= bytes.length) throw new Error("protobuf: cut off");
      const byte = bytes[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asIntN(64, value);
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const wire = tag & 7;
    const value = wire === 0 ? varint() : 0n;
    const length = wire === 2 ? Number(varint()) : wire === 5 ? 4 : 0;
    if (at + length > bytes.length || ![0, 2, 5].includes(wire)) throw new Error(`protobuf: field ${tag >> 3}`);
    fields.push({ number: tag >> 3, wire, value, bytes: bytes.subarray(at, at + length) });
    at += length;
  }
  return fields;
}

export type Attribute = number | string | number[] | HostTensor;

export interface OnnxNode {
  readonly type: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
}

export interface OnnxModel {
  readonly irVersion: number;
  readonly opset: number;
  readonly producer: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: ReadonlyMap<string, HostTensor>;
  readonly inputs: readonly { readonly name: string; readonly shape: readonly number[] }[];
  readonly outputs: readonly { readonly name: string; readonly shape: readonly number[] }[];
  readonly metadata: ReadonlyMap<string, string>;
}

const text = (field: Field | undefined): string => new TextDecoder().decode(field?.bytes);
const one = (fields: readonly Field[], number: number): Field | undefined => fields.find((f) => f.number === number);
const all = (fields: readonly Field[], number: number): Field[] => fields.filter((f) => f.number === number);
const whole = (field: Field | undefined): number => Number(field?.value ?? 0n);
const inner = (field: Field | undefined): Field[] => fieldsOf(field?.bytes ?? new Uint8Array());

function readAttribute(bytes: Uint8Array): [string, Attribute] {
  const fields = fieldsOf(bytes);
  const float = one(fields, 2)?.bytes;
  const values: Record<number, () => Attribute> = {
    1: () => (float ? new DataView(float.buffer, float.byteOffset, 4).getFloat32(0, true) : 0),
    2: () => whole(one(fields, 3)),
    3: () => text(one(fields, 4)),
    4: () => readTensor(one(fields, 5)?.bytes ?? new Uint8Array())[1],
    7: () => all(fields, 8).map(whole),
  };
  return [text(one(fields, 1)), values[whole(one(fields, 20))]()];
}

function readTensor(bytes: Uint8Array): [string, HostTensor] {
  const fields = fieldsOf(bytes);
  const shape = all(fields, 1).map(whole);
  const raw = Uint8Array.from(one(fields, 9)?.bytes ?? []).buffer;
  const type = whole(one(fields, 2));
  const read: Record<number, () => HostTensor> = {
    1: () => tensor("float32", shape, new Float32Array(raw)),
    2: () => tensor("uint8", shape, new Uint8Array(raw)),
    3: () => tensor("int8", shape, new Int8Array(raw)),
    6: () => tensor("int32", shape, new Int32Array(raw)),
    7: () => tensor("int64", shape, new BigInt64Array(raw)),
  };
  if (!(type in read)) throw new Error(`ONNX: element type ${type}`);
  return [text(one(fields, 8)), read[type]()];
}

function readPort(bytes: Uint8Array): { name: string; shape: number[] } {
  const fields = fieldsOf(bytes);
  const type = inner(one(inner(one(fields, 2)), 1));
  if (whole(one(type, 1)) !== 1) throw new Error("ONNX: a port that is not float32");
  return { name: text(one(fields, 1)), shape: all(inner(one(type, 2)), 1).map((dim) => whole(one(inner(dim), 1))) };
}

/** @throws Error where the bytes are no ONNX model of this kind. */
export function readOnnx(bytes: Uint8Array): OnnxModel {
  const model = fieldsOf(bytes);
  const graph = inner(one(model, 7));
  return {
    irVersion: whole(one(model, 1)),
    producer: text(one(model, 2)),
    opset: whole(one(inner(one(model, 8)), 2)),
    nodes: all(graph, 1).map((node) => {
      const fields = inner(node);
      return {
        type: text(one(fields, 4)),
        name: text(one(fields, 3)),
        inputs: all(fields, 1).map(text),
        outputs: all(fields, 2).map(text),
        attributes: new Map(all(fields, 5).map((attribute) => readAttribute(attribute.bytes))),
      };
    }),
    initializers: new Map(all(graph, 5).map((initializer) => readTensor(initializer.bytes))),
    inputs: all(graph, 11).map((port) => readPort(port.bytes)),
    outputs: all(graph, 12).map((port) => readPort(port.bytes)),
    metadata: new Map(all(model, 14).map((entry) => [text(one(inner(entry), 1)), text(one(inner(entry), 2))])),
  };
}
