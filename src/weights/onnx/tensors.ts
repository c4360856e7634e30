/** TensorProto → host tensors: raw bytes, repeated fields, or a part of a file beside the model. */

import { CheckpointError } from "../../errors.js";
import {
  allocate,
  BYTES_PER_ELEMENT,
  type DataByDType,
  type DType,
  type HostTensor,
  tensor,
} from "../../tensor/index.js";
import { type Budget, damaged } from "../budget.js";
import { cutText } from "../describe.js";
import { checkName, MAX_DIMENSIONS } from "../limits.js";
import { contents, fieldsOf, integer, pushFloats, pushIntegers, text } from "./protobufReader.js";
import type { ExternalFiles } from "./types.js";

/** TensorProto.DataType. */
const DTYPES: ReadonlyMap<number, DType> = new Map([
  [1, "float32"],
  [2, "uint8"],
  [3, "int8"],
  [5, "int16"],
  [6, "int32"],
  [7, "int64"],
  [9, "bool"],
  [10, "float16"],
  [11, "float64"],
  [16, "bfloat16"],
]);
const DATA_TYPE_NAMES: ReadonlyMap<number, string> = new Map([
  [4, "uint16"],
  [8, "string"],
  [12, "uint32"],
  [13, "uint64"],
  [14, "complex64"],
  [15, "complex128"],
]);

/** What a file takes in memory for each number of a list. */
const NUMBER_COST = 8;

/** Where a tensor's bytes lie beside the model. */
export interface ExternalPlace {
  readonly location: string;
  readonly offset: number;
  readonly length: number | undefined;
}

/** A tensor as the file describes it. */
interface Described {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly numbers: readonly number[];
  readonly raw: Uint8Array | undefined;
  readonly external: ExternalPlace | undefined;
}

/** Where the tensor's data lie in another file; undefined where they are in this one. */
export function externalPlace(message: Uint8Array, budget: Budget): ExternalPlace | undefined {
  return describe(message, budget, false).external;
}

/** The tensor and its name. @throws CheckpointError for one that contradicts itself, or data that are not at hand. */
export function readTensor(
  message: Uint8Array,
  budget: Budget,
  external: ExternalFiles | undefined,
): { readonly name: string; readonly value: HostTensor } {
  const described = describe(message, budget, true);
  const { name, dtype, shape, numbers } = described;
  const raw = described.external ? bytesBeside(name, described.external, external) : described.raw;
  const count = countOf(shape, name);
  if (raw) {
    if (raw.length !== count * BYTES_PER_ELEMENT[dtype]) {
      damaged(
        `tensor ${cutText(name)} has ${raw.length} bytes; ${dtype} ${shape.join("×")} takes ${count * BYTES_PER_ELEMENT[dtype]}`,
      );
    }
    return { name, value: tensor(dtype, shape, viewOf(dtype, raw, count, budget)) };
  }
  if (numbers.length !== count) {
    damaged(`tensor ${cutText(name)} has ${numbers.length} numbers; ${shape.join("×") || "a scalar"} takes ${count}`);
  }
  budget.charge(count * BYTES_PER_ELEMENT[dtype], "its tensors");
  const data: DataByDType[DType] = allocate(dtype, count);
  for (let i = 0; i < count; i++) data[i] = dtype === "int64" ? BigInt(Math.trunc(numbers[i])) : numbers[i];
  return { name, value: tensor(dtype, shape, data) };
}

function describe(message: Uint8Array, budget: Budget, withNumbers: boolean): Described {
  let name = "";
  let type = 0;
  let raw: Uint8Array | undefined;
  let apart = false;
  const shape: number[] = [];
  const numbers: number[] = [];
  const entries = new Map<string, string>();
  const charge = (bytes: Uint8Array): void => budget.charge(NUMBER_COST * (bytes.length + 1), "its lists of numbers");
  for (const field of fieldsOf(message)) {
    switch (field.number) {
      case 1:
        charge(field.bytes);
        pushIntegers(shape, field, "a tensor's shape");
        break;
      case 2:
        type = integer(field, "a tensor's type");
        break;
      case 3:
        throw new CheckpointError("holds a segmented tensor, which no exporter writes; export the model again");
      case 4:
      case 10:
        if (!withNumbers) break;
        charge(field.bytes);
        pushFloats(numbers, field, field.number === 4 ? 4 : 8, "a tensor's data");
        break;
      case 5:
      case 7:
        if (!withNumbers) break;
        charge(field.bytes);
        pushIntegers(numbers, field, "a tensor's data");
        break;
      case 8:
        name = text(field, "a tensor's name");
        break;
      case 9:
        raw = contents(field, "a tensor's data");
        break;
      case 13: {
        const [key, value] = pairOf(contents(field, "the location of a tensor's data"));
        budget.charge(2 * (key.length + value.length) + 64, "the locations of its tensors' data");
        entries.set(key, value);
        break;
      }
      case 14:
        apart = integer(field, "the location of a tensor's data") === 1;
        break;
    }
  }
  const dtype = DTYPES.get(type);
  if (!dtype) {
    throw new CheckpointError(
      `holds tensor ${cutText(name)} of type ${DATA_TYPE_NAMES.get(type) ?? type}, which no YOLO export has; export the model again in float32 or float16`,
      { name, type },
    );
  }
  if (shape.length > MAX_DIMENSIONS) damaged(`tensor ${cutText(name)} has ${shape.length} dimensions`);
  return { name, dtype, shape, numbers, raw, external: apart ? placeOf(name, entries) : undefined };
}

/** Key and value of a StringStringEntryProto. */
export function pairOf(message: Uint8Array): [key: string, value: string] {
  let key = "";
  let value = "";
  for (const field of fieldsOf(message)) {
    if (field.number === 1) key = text(field, "an entry of its metadata");
    if (field.number === 2) value = text(field, "an entry of its metadata");
  }
  return [key, value];
}

function placeOf(name: string, entries: ReadonlyMap<string, string>): ExternalPlace {
  const location = entries.get("location");
  if (location === undefined) damaged(`tensor ${cutText(name)} is in another file, whose name is missing`);
  const size = (key: string): number | undefined => {
    const given = entries.get(key);
    if (given === undefined) return undefined;
    const value = /^\d{1,15}$/.test(given) ? Number(given) : Number.NaN;
    return Number.isNaN(value)
      ? damaged(`tensor ${cutText(name)} has the ${key} ${cutText(given)} in its file`)
      : value;
  };
  return { location, offset: size("offset") ?? 0, length: size("length") };
}

function bytesBeside(name: string, place: ExternalPlace, external: ExternalFiles | undefined): Uint8Array {
  const { location, offset, length } = place;
  const file = external?.get(location);
  if (!file) {
    throw new CheckpointError(
      `keeps its weights in another file (${cutText(location)}), which cannot be read from here: give the path of the .onnx file ` +
        "in Node, with that file next to it, or save the model as one file",
      { location },
    );
  }
  const end = offset + (length ?? file.length - offset);
  if (!(offset <= end && end <= file.length)) {
    damaged(
      `tensor ${cutText(name)} is at bytes ${offset} to ${end} of ${cutText(location)}, which has ${file.length} bytes`,
    );
  }
  return file.subarray(offset, end);
}

function countOf(shape: readonly number[], name: string): number {
  checkName(name);
  let count = 1;
  for (const dimension of shape) {
    if (!(Number.isSafeInteger(dimension) && dimension >= 0)) {
      damaged(`tensor ${cutText(name)} has a dimension ${dimension}`);
    }
    count *= dimension;
  }
  if (!Number.isSafeInteger(count)) damaged(`tensor ${cutText(name)} has more elements than can be counted`);
  return count;
}

/** The bytes as numbers: a view where they are aligned. */
function viewOf(dtype: DType, raw: Uint8Array, count: number, budget: Budget): DataByDType[DType] {
  const size = BYTES_PER_ELEMENT[dtype];
  if (size > 1 && raw.byteOffset % size !== 0) {
    budget.charge(raw.length, "its tensors");
    const copy = allocate(dtype, count);
    new Uint8Array(copy.buffer).set(raw);
    return copy;
  }
  const like = allocate(dtype, 0);
  const View = like.constructor as new (buffer: ArrayBufferLike, offset: number, length: number) => DataByDType[DType];
  return new View(raw.buffer, raw.byteOffset, count);
}
