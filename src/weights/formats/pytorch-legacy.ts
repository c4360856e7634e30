/**
 * Checkpoints of torch.save before 1.6 (`_use_new_zipfile_serialization=False`): five pickles in a row (magic number,
 * protocol version, system facts, the object, the keys of its storages), then each storage as an int64 count and its
 * elements, always little-endian. The storages come last, so the object's pickle is read twice: once to learn where it
 * ends and of which type each storage is, once to build it.
 */

import { CheckpointError } from "../../errors.js";
import { BYTES_PER_ELEMENT } from "../../tensor/index.js";
import { type Budget, damaged } from "../budget.js";
import { describeValue } from "../describe.js";
import { toPlain } from "../modules.js";
import { Calls } from "../pickle/calls.js";
import { Unpickler } from "../pickle/unpickler.js";
import { StorageRef, type Value } from "../pickle/values.js";
import type { PlainValue } from "../types.js";
import { storageId, storageKey, storageRef } from "./pytorch-zip.js";
import { StorageBytes, storageDType } from "./storage.js";

/** `0x1950a86a20f9469cfc6c` as LONG1 of protocol 2 writes it, after the PROTO opcode. */
const MAGIC = [0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];
const PROTOCOL_VERSION = 1001;
/** Storages without a `DType` still have to be skipped. */
const OTHER_WIDTHS: ReadonlyMap<string, number> = new Map([
  ["ComplexFloatStorage", 8],
  ["ComplexDoubleStorage", 16],
  ["QInt8Storage", 1],
  ["QUInt8Storage", 1],
  ["QInt32Storage", 4],
  ["UntypedStorage", 1],
]);

/** True for files that begin as the legacy format does. */
export function isLegacy(bytes: Uint8Array): boolean {
  return bytes.length > 2 && bytes[0] === 0x80 && MAGIC.every((byte, i) => bytes[i + 2] === byte);
}

export function readPytorchLegacy(bytes: Uint8Array, budget: Budget): PlainValue {
  const calls = new Calls(budget);
  const noStorages = (): Value => damaged("a storage in the header");
  const header = (start: number): { value: Value; end: number } => {
    const unpickler = new Unpickler(bytes, budget, calls, noStorages, start);
    return { value: unpickler.load(), end: unpickler.end };
  };
  const protocol = header(2 + MAGIC.length);
  if (protocol.value !== PROTOCOL_VERSION) {
    throw new CheckpointError(
      `is a PyTorch file of protocol ${describeValue(protocol.value)}; only ${PROTOCOL_VERSION} is known: save it again with a current version of torch.save`,
    );
  }
  const system = header(protocol.end);

  const widths = new Map<string, number>();
  const scout = new Unpickler(
    bytes,
    budget,
    calls,
    (id) =>
      resolve(id, (className, key, length) => {
        widths.set(key, elementWidth(className));
        return new StorageRef(key, storageDType(className), className, length, undefined);
      }),
    system.end,
  );
  scout.load();
  const storages = locate(bytes, scout.end, widths, header, budget);

  const builder = new Unpickler(
    bytes,
    budget,
    calls,
    (id) =>
      resolve(id, (className, key, length, view) => {
        const stored = storages.get(key) ?? damaged(`storage ${key} is missing`, { key });
        const whole = storageRef(className, key, length, stored);
        if (!view) return whole;
        if (view.offset + view.length > length) damaged(`a view beyond storage ${key}`, { key });
        return storageRef(className, key, view.length, stored, view.offset);
      }),
    system.end,
  );
  return toPlain(builder.load(), budget);
}

/** Reads the list of keys at `start` and finds each storage's bytes after it. */
function locate(
  bytes: Uint8Array,
  start: number,
  widths: ReadonlyMap<string, number>,
  header: (start: number) => { value: Value; end: number },
  budget: Budget,
): Map<string, StorageBytes> {
  const keys = header(start);
  if (!Array.isArray(keys.value)) damaged("the list of its storages");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const storages = new Map<string, StorageBytes>();
  let at = keys.end;
  for (const value of keys.value) {
    const key = storageKey(value);
    const width = widths.get(key) ?? damaged(`storage ${key} belongs to no tensor`, { key });
    if (at + 8 > bytes.length) damaged(`it ends before storage ${key}`, { key });
    const length = Number(view.getBigInt64(at, true));
    const end = at + 8 + length * width;
    if (length < 0 || !(end <= bytes.length)) {
      damaged(`storage ${key} of ${length} elements ends at byte ${end}, the file at ${bytes.length}`, { key });
    }
    storages.set(key, new StorageBytes(bytes.subarray(at + 8, end), false, budget));
    at = end;
  }
  return storages;
}

interface StorageView {
  readonly offset: number;
  readonly length: number;
}

/** A persistent id: a storage (with its view of it, in old files), or a module class with its source, which is dropped. */
function resolve(
  id: Value,
  storage: (className: string, key: string, length: number, view: StorageView | undefined) => StorageRef,
): Value {
  if (!Array.isArray(id)) damaged("a persistent ID that is not a tuple");
  if (id[0] === "module") return id[1] ?? null;
  if (id[0] !== "storage") damaged("a persistent ID that names no storage");
  const { className, key, length } = storageId(id);
  const view = id[5];
  if (!Array.isArray(view)) return storage(className, key, length, undefined);
  const [, offset, viewLength] = view;
  if (!isCount(offset) || !isCount(viewLength)) damaged(`a view of storage ${key}`, { key });
  return storage(className, key, length, { offset, length: viewLength });
}

function isCount(value: Value | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function elementWidth(className: string): number {
  const dtype = storageDType(className);
  if (dtype) return BYTES_PER_ELEMENT[dtype];
  const short = className.slice(className.lastIndexOf(".") + 1);
  return OTHER_WIDTHS.get(short) ?? damaged(`a storage of the unknown class ${className}`, { className });
}
