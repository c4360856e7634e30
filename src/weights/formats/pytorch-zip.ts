/** Checkpoints of torch.save since 1.6: a zip with `ROOT/data.pkl`, `ROOT/data/KEY` for storages, maybe `ROOT/byteorder`. */

import { CheckpointError } from "../../errors.js";
import { BYTES_PER_ELEMENT } from "../../tensor/index.js";
import { type Budget, damaged } from "../budget.js";
import { describeValue } from "../describe.js";
import { toPlain } from "../modules.js";
import { Calls } from "../pickle/calls.js";
import { Unpickler } from "../pickle/unpickler.js";
import { GlobalRef, StorageRef, typeName, type Value } from "../pickle/values.js";
import type { PlainValue } from "../types.js";
import { StorageBytes, storageDType } from "./storage.js";
import { ZipArchive } from "./zip.js";

/** Characters of a storage's key. */
const MAX_KEY = 64;

/** The pickled value of a PyTorch zip. @throws CheckpointError for every other zip, which is named. */
export function readPytorchZip(bytes: Uint8Array, budget: Budget): PlainValue {
  const zip = new ZipArchive(bytes, budget);
  const root = findRoot(zip);
  const pickle = zip.read(`${root}data.pkl`);
  if (!pickle) damaged("data.pkl is missing");
  const bigEndian = readByteOrder(zip, root) === "big";
  const storages = new Map<string, StorageBytes>();

  const persistentLoad = (id: Value): Value => {
    if (!Array.isArray(id) || id[0] !== "storage") damaged("a persistent ID that names no storage");
    const { className, key, length } = storageId(id);
    let stored = storages.get(key);
    if (!stored) {
      const data = zip.read(`${root}data/${key}`);
      if (!data) damaged(`storage data/${key} is missing`, { key });
      stored = new StorageBytes(data, bigEndian, budget);
      storages.set(key, stored);
    }
    return storageRef(className, key, length, stored);
  };
  return toPlain(new Unpickler(pickle, budget, new Calls(budget), persistentLoad).load(), budget);
}

/** `('storage', class, key, location, length, …)`. */
export function storageId(id: readonly Value[]): { className: string; key: string; length: number } {
  const [, type, key, , length] = id;
  if (!(type instanceof GlobalRef) || typeof length !== "number" || !Number.isSafeInteger(length) || length < 0) {
    damaged(`a storage of class ${typeName(type ?? null)} and length ${describeValue(length)}`);
  }
  return { className: type.name, key: storageKey(key), length };
}

/** Keys count up from 0; early legacy files have addresses. */
export function storageKey(value: Value | undefined): string {
  if (typeof value !== "string" && typeof value !== "number") damaged("a storage without a key");
  const key = String(value);
  if (key.length > MAX_KEY) damaged(`a storage key of ${key.length} characters`);
  return key;
}

/** A reference to `length` elements of `stored`, which must hold them. */
export function storageRef(
  className: string,
  key: string,
  length: number,
  stored: StorageBytes,
  offset = 0,
): StorageRef {
  const dtype = storageDType(className);
  const needed = (offset + length) * (dtype ? BYTES_PER_ELEMENT[dtype] : 1);
  if (needed > stored.byteLength) {
    damaged(`storage ${key} has ${stored.byteLength} bytes instead of ${needed}`, { key, needed });
  }
  return new StorageRef(key, dtype, className, length, stored, offset);
}

/** The folder of `data.pkl` with its slash (any name, or none). @throws CheckpointError naming what the zip is instead. */
function findRoot(zip: ZipArchive): string {
  const { names } = zip;
  const pickle = names.find((name) => name === "data.pkl" || /^[^/]+\/data\.pkl$/.test(name));
  if (pickle !== undefined) {
    const root = pickle.slice(0, -"data.pkl".length);
    if (zip.has(`${root}constants.pkl`) || names.some((name) => name.startsWith(`${root}code/`))) {
      throw new CheckpointError(
        "is a TorchScript archive (torch.jit.save), which holds compiled code instead of modules; give the .pt checkpoint that it was exported from",
      );
    }
    return root;
  }
  throw new CheckpointError(foreignZip(names), { entries: names.slice(0, 10) });
}

function foreignZip(names: readonly string[]): string {
  if (names.some((name) => name.endsWith("model.json") || name.endsWith("archive_format"))) {
    if (names.some((name) => name.includes("archive_format") || name.includes("exported_program"))) {
      return "is a torch.export program (.pt2); give the .pt checkpoint that it was exported from";
    }
  }
  if (names.length > 0 && names.every((name) => name.endsWith(".npy"))) {
    return "is a NumPy .npz archive; give a YOLOv5 .pt checkpoint or a .safetensors file";
  }
  if (names.some((name) => name.endsWith("model.weights.h5"))) {
    return "is a Keras model; give the .pt checkpoint that it was exported from";
  }
  if (names.some((name) => name.endsWith(".mlmodel") || name.endsWith("Manifest.json"))) {
    return "is a Core ML package; give the .pt checkpoint that it was exported from";
  }
  const inside = names.find((name) => /\.(pt|pth|safetensors)$/i.test(name));
  if (inside !== undefined) return `is a zip archive that contains ${inside}; unpack it and give that file`;
  const some = names.slice(0, 3).join(", ") || "nothing";
  return `is a zip archive but not a PyTorch checkpoint (no data.pkl; it contains ${some}); give a .pt file that torch.save wrote`;
}

function readByteOrder(zip: ZipArchive, root: string): "little" | "big" {
  const bytes = zip.read(`${root}byteorder`);
  if (!bytes) return "little";
  const order = new TextDecoder().decode(bytes.subarray(0, 16)).trim();
  if (order !== "little" && order !== "big") damaged(`byteorder is ${JSON.stringify(order)}`);
  return order;
}
