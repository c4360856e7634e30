/** Hand-made pickles, zips and checkpoints for the tests of this folder, and its fixtures. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { zipSync } from "fflate";
import { Budget } from "../../src/weights/budget.js";
import { toPlain } from "../../src/weights/modules.js";
import { Calls } from "../../src/weights/pickle/calls.js";
import { Unpickler } from "../../src/weights/pickle/unpickler.js";
import type { Value } from "../../src/weights/pickle/values.js";
import type { PlainValue } from "../../src/weights/types.js";
import { REPOSITORY } from "../support/reference.js";

export function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(REPOSITORY, "test", "fixtures", "weights", name)));
}

/** Bytes of latin-1 text, byte values and byte arrays in a row. */
export function bytes(...parts: readonly (string | number | Uint8Array)[]): Uint8Array {
  const out: number[] = [];
  for (const part of parts) {
    if (typeof part === "number") out.push(part);
    else if (typeof part === "string") for (const c of part) out.push(c.charCodeAt(0));
    else for (const byte of part) out.push(byte);
  }
  return Uint8Array.from(out);
}

/** A little-endian integer of `width` bytes as latin-1 text. */
export function le(value: number | bigint, width = 4): string {
  let text = "";
  for (let i = 0; i < width; i++) text += String.fromCharCode(Number((BigInt(value) >> BigInt(8 * i)) & 255n));
  return text;
}

/** BINUNICODE of an ASCII text. */
export function text(value: string): string {
  return `X${le(value.length)}${value}`;
}

/** BININT of a number. */
export function int(value: number): string {
  return `J${le(value)}`;
}

/** The value of a pickle (latin-1 text or bytes), converted as `openCheckpoint` does. */
export function unpickle(
  pickle: string | Uint8Array,
  persistentLoad: (id: Value) => Value = () => null,
  budget = new Budget(pickle.length),
): PlainValue {
  const data = typeof pickle === "string" ? bytes(pickle) : pickle;
  return toPlain(new Unpickler(data, budget, new Calls(budget), persistentLoad).load(), budget);
}

/** A zip of stored entries. */
export function zip(entries: Readonly<Record<string, Uint8Array | string>>): Uint8Array {
  const files: Record<string, Uint8Array> = {};
  for (const [name, content] of Object.entries(entries)) {
    files[name] = typeof content === "string" ? bytes(content) : content;
  }
  return zipSync(files, { level: 0 });
}

export interface RawEntry {
  readonly name: string;
  /** As it stands in the file. */
  readonly data: Uint8Array;
  /** 0 stored, 8 deflated. */
  readonly method: number;
  /** Declared size when unpacked. */
  readonly size: number;
}

/** A zip with every field as given; entries that share `data` share its place in the file, as bombs do. */
export function rawZip(entries: readonly RawEntry[]): Uint8Array {
  const parts: (string | Uint8Array)[] = [];
  const placed = new Map<Uint8Array, number>();
  let directory = "";
  let at = 0;
  for (const { name, data, method, size } of entries) {
    const fields = `${le(method, 2)}${le(0, 8)}${le(data.length)}${le(size)}${le(name.length, 2)}${le(0, 2)}`;
    let offset = placed.get(data);
    if (offset === undefined) {
      offset = at;
      placed.set(data, offset);
      parts.push(`PK\x03\x04${le(20, 2)}${le(0, 2)}${fields}${name}`, data);
      at += 30 + name.length + data.length;
    }
    directory += `PK\x01\x02${le(20, 2)}${le(20, 2)}${le(0, 2)}${fields}${le(0, 10)}${le(offset)}${name}`;
  }
  const counts = le(entries.length, 2);
  return bytes(...parts, directory, `PK\x05\x06${le(0)}${counts}${counts}${le(directory.length)}${le(at)}${le(0, 2)}`);
}

/** A checkpoint around a pickle, with storages by key. */
export function checkpoint(
  pickle: string | Uint8Array,
  storages: Readonly<Record<string, Uint8Array>> = {},
): Uint8Array {
  const entries: Record<string, Uint8Array | string> = { "archive/data.pkl": pickle, "archive/version": "3\n" };
  for (const [key, data] of Object.entries(storages)) entries[`archive/data/${key}`] = data;
  return zip(entries);
}

/** Opcodes for `_rebuild_tensor_v2` over storage `key`. */
export function tensorOps(
  key: string,
  length: number,
  offset: number,
  size: readonly number[],
  stride: readonly number[],
  storage = "FloatStorage",
): string {
  const tuple = (values: readonly number[]): string => `(${values.map(int).join("")}t`;
  return (
    `ctorch._utils\n_rebuild_tensor_v2\n((${text("storage")}ctorch\n${storage}\n${text(key)}${text("cpu")}${int(length)}tQ` +
    `${int(offset)}${tuple(size)}${tuple(stride)}\x89ccollections\nOrderedDict\n)RtR`
  );
}

/** A module's opcodes: class, plain attributes, parameters, children; each dictionary as opcodes of its items. */
export function moduleOps(
  className: string,
  children: Readonly<Record<string, string>> = {},
  parameters: Readonly<Record<string, string>> = {},
  attributes: Readonly<Record<string, string>> = {},
): string {
  const dict = (items: Readonly<Record<string, string>>): string =>
    `}(${Object.entries(items)
      .map(([key, ops]) => text(key) + ops)
      .join("")}u`;
  const dot = className.lastIndexOf(".");
  return (
    `c${className.slice(0, dot)}\n${className.slice(dot + 1)}\n)\x81` +
    dict({ ...attributes, _parameters: dict(parameters), _buffers: "}", _modules: dict(children) }) +
    "b"
  );
}
