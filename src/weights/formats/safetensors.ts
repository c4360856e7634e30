/**
 * safetensors, both directions: an 8-byte header length, a JSON header, the tensors' bytes. As strict as the format's
 * own reader: tensors neither overlap nor leave gaps, names occur once, the data fill the file exactly.
 */

import { CheckpointError } from "../../errors.js";
import { BYTES_PER_ELEMENT, type DType, elementCount, formatShape, type HostTensor } from "../../tensor/index.js";
import { aboutFile, Budget, damaged } from "../budget.js";
import { describeValue } from "../describe.js";
import { checkName, MAX_DIMENSIONS } from "../limits.js";
import { typedData } from "./storage.js";

/** The format allows 100 MB; no network here comes near 2 MiB, and a parsed header takes many times its size. */
const MAX_HEADER = 2 * 2 ** 20;

const NAME_OF: Readonly<Record<DType, string>> = {
  float64: "F64",
  float32: "F32",
  float16: "F16",
  bfloat16: "BF16",
  int64: "I64",
  int32: "I32",
  int16: "I16",
  int8: "I8",
  uint8: "U8",
  bool: "BOOL",
};
const DTYPE_OF: ReadonlyMap<string, DType> = new Map(
  (Object.keys(NAME_OF) as DType[]).map((dtype) => [NAME_OF[dtype], dtype]),
);

export interface Safetensors {
  readonly metadata: ReadonlyMap<string, string>;
  readonly tensors: ReadonlyMap<string, HostTensor>;
}

/** True for files that begin with a plausible header length and a JSON object. */
export function isSafetensors(bytes: Uint8Array): boolean {
  if (bytes.length < 10 || bytes[8] !== 0x7b) return false;
  const length = headerLength(bytes);
  // A header longer than the file is a truncated file, if it still looks like one of this format.
  return length >= 2 && length < 100 * 2 ** 20;
}

/**
 * All tensors (in header order) and metadata. Tensors are views of `bytes` where alignment permits.
 * Memory: at most the file's size again, plus the parsed header of at most 2 MiB of JSON.
 * @throws CheckpointError on anything that the format forbids, or a data type without a counterpart here.
 */
export function readSafetensors(bytes: Uint8Array, options: { readonly path?: string } = {}): Safetensors {
  return aboutFile(options.path, "safetensors", () => parseSafetensors(bytes, new Budget(bytes.byteLength)));
}

/** As `readSafetensors`, with messages that do not name the file yet. */
export function parseSafetensors(bytes: Uint8Array, budget: Budget): Safetensors {
  if (bytes.length < 8) damaged(`${bytes.length} bytes are not a safetensors file`);
  const length = headerLength(bytes);
  if (length > MAX_HEADER) damaged(`a header of ${length} bytes; at most ${MAX_HEADER} are read`, { length });
  if (8 + length > bytes.length) damaged(`its header of ${length} bytes ends beyond the file's ${bytes.length}`);
  const text = decodeUtf8(bytes.subarray(8, 8 + length));
  const { header, keys } = parseHeader(text);
  const data = bytes.subarray(8 + length);
  const metadata = readMetadata(header.get("__metadata__"));
  const spans: { name: string; begin: number; end: number }[] = [];
  const tensors = new Map<string, HostTensor>();
  for (const name of keys) {
    if (name === "__metadata__") continue;
    budget.charge(512, "the tensors of its header");
    checkName(name);
    const { dtype, shape, begin, end } = readEntry(name, header.get(name));
    if (end > data.length) {
      damaged(`tensor ${name} ends at byte ${end} of ${data.length}; the file is cut off`, { name, begin, end });
    }
    spans.push({ name, begin, end });
    tensors.set(name, { dtype, shape, data: typedData(dtype, data.subarray(begin, end), false, budget) });
  }
  checkSpans(spans, data.length);
  return { metadata, tensors };
}

function headerLength(bytes: Uint8Array): number {
  return Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return damaged("its header is not UTF-8");
  }
}

/** The header's entries, and its keys in order of the text, which also shows names that occur twice. */
function parseHeader(text: string): { header: Map<string, unknown>; keys: string[] } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return damaged("its header is not valid JSON");
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
    damaged("its header is not a JSON object");
  const keys = topLevelKeys(text);
  const seen = new Set<string>();
  for (const key of keys) {
    if (seen.has(key)) damaged(`its header names ${key} twice`, { name: key });
    seen.add(key);
  }
  return { header: new Map(Object.entries(parsed)), keys };
}

/** Keys of the outermost object of valid JSON, in order. JSON.parse reorders numeric ones and drops repeated ones. */
function topLevelKeys(text: string): string[] {
  const keys: string[] = [];
  let depth = 0;
  let expectKey = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === '"') {
      const start = i++;
      while (text[i] !== '"') i += text[i] === "\\" ? 2 : 1;
      if (expectKey) keys.push(JSON.parse(text.slice(start, i + 1)) as string);
      expectKey = false;
    } else if (character === "{" || character === "[") {
      expectKey = ++depth === 1;
    } else if (character === "}" || character === "]") {
      depth--;
    } else if (character === ",") {
      expectKey = depth === 1;
    }
  }
  return keys;
}

function readMetadata(value: unknown): Map<string, string> {
  const metadata = new Map<string, string>();
  if (value === undefined) return metadata;
  if (typeof value !== "object" || value === null || Array.isArray(value)) damaged("its __metadata__ is not an object");
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== "string") damaged(`its metadata ${key} is not a string`, { key });
    metadata.set(key, text);
  }
  return metadata;
}

function readEntry(
  name: string,
  value: unknown,
): { dtype: DType; shape: readonly number[]; begin: number; end: number } {
  const entry = new Map<string, unknown>(typeof value === "object" && value !== null ? Object.entries(value) : []);
  const dtypeName = entry.get("dtype");
  const dtype = typeof dtypeName === "string" ? DTYPE_OF.get(dtypeName) : undefined;
  if (!dtype) {
    throw new CheckpointError(
      `has a tensor ${name} of data type ${describeValue(dtypeName)}; known are ${[...DTYPE_OF.keys()].join(", ")}`,
      { name, dtype: describeValue(dtypeName) },
    );
  }
  const shape = counts(entry.get("shape"));
  const offsets = counts(entry.get("data_offsets"));
  if (!shape || shape.length > MAX_DIMENSIONS || offsets?.length !== 2) {
    damaged(`tensor ${name} has no valid shape and data_offsets`, { name });
  }
  const [begin, end] = offsets;
  const needed = elementCount(shape) * BYTES_PER_ELEMENT[dtype];
  if (!Number.isSafeInteger(needed) || end - begin !== needed) {
    damaged(`tensor ${name} of shape ${formatShape(shape)} needs ${needed} bytes, its offsets are ${begin} to ${end}`, {
      name,
      shape,
    });
  }
  return { dtype, shape, begin, end };
}

/** An array of non-negative integers, `undefined` for anything else. */
function counts(value: unknown): number[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const numbers: number[] = [];
  for (const item of value) {
    if (typeof item !== "number" || !Number.isSafeInteger(item) || item < 0) return undefined;
    numbers.push(item);
  }
  return numbers;
}

function checkSpans(spans: { name: string; begin: number; end: number }[], length: number): void {
  spans.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  for (const { name, begin, end } of spans) {
    if (begin !== at) {
      damaged(
        `tensor ${name} begins at byte ${begin}, which ${begin < at ? "overlaps" : "leaves a gap after"} byte ${at}`,
        { name },
      );
    }
    at = end;
  }
  if (at !== length) damaged(`its tensors end at byte ${at}, the file's data at ${length}`);
}

/**
 * A safetensors file. Wider data types come first, so that every tensor is aligned for a reader that wants views; apart
 * from that the order is the map's, and equal input gives equal bytes.
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, HostTensor>,
  metadata: ReadonlyMap<string, string> = new Map(),
): Uint8Array {
  const ordered = [...tensors].sort(([, a], [, b]) => BYTES_PER_ELEMENT[b.dtype] - BYTES_PER_ELEMENT[a.dtype]);
  const entries: [string, unknown][] = [];
  if (metadata.size > 0) entries.push(["__metadata__", Object.fromEntries(metadata)]);
  let at = 0;
  for (const [name, { dtype, shape, data }] of ordered) {
    if (name === "__metadata__") {
      throw new CheckpointError("safetensors: a tensor cannot be called __metadata__; rename it", { name });
    }
    if (data.length !== elementCount(shape)) {
      throw new CheckpointError(`safetensors: tensor ${name} has ${data.length} elements for ${formatShape(shape)}`, {
        name,
        shape,
      });
    }
    entries.push([name, { dtype: NAME_OF[dtype], shape, data_offsets: [at, at + data.byteLength] }]);
    at += data.byteLength;
  }
  const json = new TextEncoder().encode(headerJson(entries));
  const length = Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(8 + length + at);
  new DataView(file.buffer).setBigUint64(0, BigInt(length), true);
  file.set(json, 8);
  file.fill(0x20, 8 + json.length, 8 + length);
  let position = 8 + length;
  for (const [, { data }] of ordered) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), position);
    position += data.byteLength;
  }
  return file;
}

/** One JSON object with its keys in the given order, which an object literal would not keep for numeric names. */
function headerJson(entries: readonly [string, unknown][]): string {
  return `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(",")}}`;
}
