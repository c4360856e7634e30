/**
 * The closed table of calls that a pickle may make. Each entry builds an inert value from its arguments; a name that is
 * not in the table becomes a `PyObject` that records the name and the arguments, and nothing else happens.
 */

import type { DType } from "../../tensor/index.js";
import { type Budget, damaged } from "../budget.js";
import { describeValue } from "../describe.js";
import { stridedTensor, torchDType } from "../formats/storage.js";
import { checkClassName, MAX_DIMENSIONS } from "../limits.js";
import { latin1Bytes } from "./cursor.js";
import { NumberKeys } from "./keys.js";
import { numpyFromBuffer, numpyScalar } from "./numpy.js";
import { GlobalRef, PyObject, StorageRef, typeName, type Value } from "./values.js";

type Handler = (args: readonly Value[], calls: Calls) => Value;

const MAX_ELEMENTS = Number.MAX_SAFE_INTEGER;
/** Calls of rebuilders that call again: a subclass of a tensor is one level. */
const MAX_NESTED_CALLS = 16;
/** Characters of a part of a device (`cuda:0`), and of an encoding. */
const MAX_WORD = 32;
const PATH_CLASS = /^pathlib(?:\._local)?\.(Pure)?(Posix|Windows)?Path$/;

export class Calls {
  /** Keys of all dictionaries of the file. */
  readonly keys = new NumberKeys();
  private depth = 0;

  constructor(readonly budget: Budget) {}

  /** What `callee(*args)` would give, without calling anything. */
  call(callee: Value, args: readonly Value[]): Value {
    if (!(callee instanceof GlobalRef)) return new PyObject(typeName(callee), args);
    const handler = HANDLERS.get(callee.name);
    if (handler) {
      if (++this.depth > MAX_NESTED_CALLS) damaged(`calls nested more than ${MAX_NESTED_CALLS} deep in its pickle`);
      const value = handler(args, this);
      this.depth--;
      return value;
    }
    if (PATH_CLASS.test(callee.name)) return this.path(callee.name, args);
    return new PyObject(callee.name, args);
  }

  /** A path of any system as text: nothing is resolved. */
  private path(className: string, args: readonly Value[]): Value {
    this.budget.charge(8 * args.length, "a path of its pickle");
    const parts = args.filter((part) => typeof part === "string");
    this.budget.charge(2 * parts.reduce((sum, part) => sum + part.length + 1, 0), "a path of its pickle");
    const separator = className.includes("Windows") ? "\\" : "/";
    const joined: string[] = [];
    // What the text so far ends with, kept apart: looking into a text that grows takes its whole length each time.
    let last = "/";
    for (const part of parts) {
      if (part === "") continue;
      if (last !== "/" && last !== "\\") joined.push(separator);
      joined.push(part);
      last = part[part.length - 1];
    }
    return joined.join("") || ".";
  }
}

const HANDLERS: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ["torch._utils._rebuild_tensor", rebuildTensor],
  ["torch._utils._rebuild_tensor_v2", rebuildTensor],
  ["torch._utils._rebuild_tensor_v3", rebuildTensorV3],
  ["torch._utils._rebuild_parameter", firstArgument],
  ["torch._utils._rebuild_parameter_with_state", firstArgument],
  ["torch.nn.parameter.Parameter", firstArgument],
  ["torch.nn.parameter.Buffer", firstArgument],
  ["torch._tensor._rebuild_from_type", rebuildFromType],
  ["torch._tensor._rebuild_from_type_v2", rebuildFromType],
  ["torch.tensor._rebuild_from_type", rebuildFromType],
  ["torch.Size", sequence],
  ["torch.device", device],
  ["collections.OrderedDict", dictionary],
  ["collections.defaultdict", (args, calls) => dictionary(args.slice(1, 2), calls)],
  ["collections.Counter", dictionary],
  ["collections.deque", sequence],
  ["builtins.dict", dictionary],
  ["builtins.set", sequence],
  ["builtins.frozenset", sequence],
  ["builtins.list", sequence],
  ["builtins.tuple", sequence],
  ["builtins.bytearray", encode],
  ["builtins.bytes", encode],
  ["_codecs.encode", encode],
  ["builtins.getattr", attribute],
  ["copyreg._reconstructor", reconstructor],
  ["copyreg.__newobj__", newObject],
  ["copyreg.__newobj_ex__", ([type, args], calls) => calls.call(type ?? null, list(args ?? []))],
  ["numpy.core.multiarray.scalar", (args) => numpyScalar(args)],
  ["numpy.core.multiarray._reconstruct", () => new PyObject("numpy.ndarray", [])],
  ["numpy.core.numeric._frombuffer", (args) => numpyFromBuffer(args)],
]);

function list(value: Value): readonly Value[] {
  return Array.isArray(value) ? value : damaged(`a ${typeName(value)} where its pickle needs a tuple`);
}

/** A tuple of sizes, strides or an offset: integers from 0 up, exact in a double. */
function sizes(value: Value): number[] {
  const values = list(value);
  if (values.length > MAX_DIMENSIONS) damaged(`a tensor of ${values.length} dimensions`);
  return values.map(size);
}

function size(value: Value): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > MAX_ELEMENTS) {
    damaged(`a tensor size, stride or offset of ${describeValue(value)}`);
  }
  return value;
}

/** `(storage, offset, size, stride, …)`, the type being the storage's. */
function rebuildTensor(args: readonly Value[], calls: Calls): Value {
  const storage = args[0];
  if (!(storage instanceof StorageRef)) damaged(`a tensor over a ${typeName(storage ?? null)} instead of a storage`);
  return tensorOver(storage, storage.dtype, args, calls);
}

/** As `rebuildTensor`, over an untyped storage; the type is argument 6. */
function rebuildTensorV3(args: readonly Value[], calls: Calls): Value {
  const storage = args[0];
  const type = args[6];
  if (!(storage instanceof StorageRef)) damaged(`a tensor over a ${typeName(storage ?? null)} instead of a storage`);
  return tensorOver(storage, type instanceof GlobalRef ? torchDType(type.name) : undefined, args, calls);
}

function tensorOver(storage: StorageRef, dtype: DType | undefined, args: readonly Value[], calls: Calls): Value {
  // Complex, quantised and 8-bit float tensors are of no use here; they stay records and only matter if asked for.
  if (!dtype) return new PyObject("torch.Tensor", args);
  const offset = size(args[1] ?? null);
  const shape = sizes(args[2] ?? null);
  const stride = sizes(args[3] ?? null);
  // First pass over a legacy file: its storages are not located yet, and this pass's values are thrown away.
  if (!storage.bytes) return new PyObject("torch.Tensor", []);
  const all = storage.bytes.as(dtype);
  const data = storage.dtype ? all.subarray(storage.offset, storage.offset + storage.length) : all;
  return stridedTensor(data as typeof all, dtype, offset, shape, stride, calls.budget);
}

function firstArgument(args: readonly Value[]): Value {
  return args[0] ?? null;
}

/** `(function, type, args, state)`: a tensor subclass, which is read as the plain tensor. */
function rebuildFromType(args: readonly Value[], calls: Calls): Value {
  return calls.call(args[0] ?? null, list(args[2] ?? []));
}

/** A list, tuple or set, copied as Python's constructors do. */
function sequence(args: readonly Value[], calls: Calls): Value {
  const items = args[0] ?? [];
  if (!Array.isArray(items) && !(items instanceof Map)) return [];
  calls.budget.charge(8 * (Array.isArray(items) ? items.length : items.size), "a list of its pickle");
  return [...(Array.isArray(items) ? items : items.keys())];
}

/** `()`, `(mapping)` or `(pairs)`. */
function dictionary(args: readonly Value[], calls: Calls): Value {
  const source = args[0] ?? [];
  if (source instanceof Map) {
    calls.budget.charge(48 * source.size, "a dictionary of its pickle");
    for (const key of source.keys()) calls.keys.count(key);
    return new Map(source);
  }
  const pairs = list(source);
  calls.budget.charge(48 * pairs.length, "a dictionary of its pickle");
  const map = new Map<Value, Value>();
  for (const pair of pairs) {
    if (!Array.isArray(pair) || pair.length !== 2) damaged("a dictionary of its pickle has an item that is not a pair");
    calls.keys.count(pair[0]);
    map.set(pair[0], pair[1]);
  }
  return map;
}

/** `encode(text, "latin1")`: how protocols below 3 write bytes. */
function encode(args: readonly Value[], calls: Calls): Value {
  const source = args[0] ?? "";
  if (source instanceof Uint8Array) return source;
  if (typeof source !== "string") return new PyObject("builtins.bytes", args);
  calls.budget.charge(4 * source.length, "bytes of its pickle");
  const encoding = args[1] ?? "latin1";
  const latin = typeof encoding === "string" && /^(latin|iso-?8859-?1)/i.test(encoding.slice(0, MAX_WORD));
  return (latin ? latin1Bytes(source) : undefined) ?? new TextEncoder().encode(source);
}

/** `("cuda", 0)` → `cuda:0`. */
function device(args: readonly Value[]): Value {
  return args
    .slice(0, 2)
    .filter((part) => typeof part !== "object")
    .map((part) => String(part).slice(0, MAX_WORD))
    .join(":");
}

/** A method of a class is one more name; an attribute of an object is not looked up. */
function attribute(args: readonly Value[], calls: Calls): Value {
  const [owner, name] = args;
  if (owner instanceof GlobalRef && typeof name === "string") {
    checkClassName(owner.name.length + name.length);
    calls.budget.charge(2 * (owner.name.length + name.length), "the names of its pickle");
    return new GlobalRef(`${owner.name}.${name}`);
  }
  return new PyObject("builtins.getattr", args);
}

/** `(class, base, state)`: what protocols 0 and 1 write for instances. */
function reconstructor(args: readonly Value[], calls: Calls): Value {
  const [type, base, state] = args;
  if (!(type instanceof GlobalRef)) damaged(`its pickle makes an instance of a ${typeName(type ?? null)}`);
  const plain = !(base instanceof GlobalRef) || base.name === "builtins.object";
  return calls.call(type, plain ? [] : [state ?? null]);
}

function newObject(args: readonly Value[], calls: Calls): Value {
  const type = args[0];
  if (type === undefined) damaged("its pickle makes an instance without naming a class");
  calls.budget.charge(8 * args.length, "the arguments of its pickle");
  return calls.call(type, args.slice(1));
}
