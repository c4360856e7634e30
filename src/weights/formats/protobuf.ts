/** Tells model files in protobuf apart by the numbers and types of their outermost fields. */

export type ProtobufKind = "onnx" | "saved-model" | "graph-def" | "core-ml";

interface Field {
  readonly number: number;
  readonly wire: number;
  /** Of a varint. */
  readonly value: number;
  /** First byte of the contents of a length-delimited field. */
  readonly first: number | undefined;
}

const MAX_FIELDS = 64;

export function protobufKind(bytes: Uint8Array): ProtobufKind | undefined {
  const fields = scan(bytes);
  if (!fields || fields.length < 2) return undefined;
  const has = (number: number, wire: number): boolean => fields.some((f) => f.number === number && f.wire === wire);
  const only = (...numbers: number[]): boolean => fields.every((f) => numbers.includes(f.number));
  const [head] = fields;
  // Core ML: specificationVersion, description, then one model type, numbered from 200.
  if (has(1, 0) && has(2, 2) && fields.some((f) => f.number >= 200 && f.number < 5000)) return "core-ml";
  // ONNX ModelProto: ir_version 1, graph 7, opset_import 8; producer and domain strings between.
  if (has(1, 0) && has(7, 2) && only(1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26)) return "onnx";
  // SavedModel: schema version 1, then meta graphs, which begin with their own field 1.
  if (head.number === 1 && head.wire === 0 && head.value === 1 && has(2, 2) && only(1, 2)) {
    if (fields.every((f) => f.number !== 2 || f.first === 0x0a)) return "saved-model";
  }
  // GraphDef: nodes, which begin with their name; a version or library at the end.
  if (head.number === 1 && head.wire === 2 && head.first === 0x0a && only(1, 2, 3, 4)) return "graph-def";
  return undefined;
}

/** The outermost fields, at most 64; the last may run past a cut end. `undefined` where the bytes are no protobuf. */
function scan(bytes: Uint8Array): Field[] | undefined {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let i = 0; i < 10 && at < bytes.length; i++) {
      const byte = bytes[at++];
      value += (byte & 127) * 2 ** (7 * i);
      if (byte < 128) return value;
    }
    return Number.NaN;
  };
  while (at < bytes.length && fields.length < MAX_FIELDS) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    const wire = tag % 8;
    if (!(number >= 1) || ![0, 1, 2, 5].includes(wire)) return undefined;
    const value = wire === 0 || wire === 2 ? varint() : 0;
    if (Number.isNaN(value)) return undefined;
    fields.push({ number, wire, value, first: wire === 2 && value > 0 ? bytes[at] : undefined });
    at += wire === 2 ? value : wire === 1 ? 8 : wire === 5 ? 4 : 0;
  }
  return fields;
}
