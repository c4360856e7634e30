/** What the unpickler's stack and memo hold, before everything is turned into the inert values of `../types.ts`. */

import type { DType, HostTensor } from "../../tensor/index.js";
import type { StorageBytes } from "../formats/storage.js";

/** A class or function that the pickle names. It is a name only: nothing is looked up, nothing is called. */
export class GlobalRef {
  /** @param name dotted, Python 2 and NumPy 2 spellings made one: `builtins.set`, `numpy.core.multiarray.scalar`. */
  constructor(readonly name: string) {}
}

/** An instance of a class without a rebuilder here. */
export class PyObject {
  state: Value = null;
  /** What APPEND put into it (subclasses of list). */
  list: Value[] | undefined;
  /** What SETITEM put into it (subclasses of dict). */
  dict: Map<Value, Value> | undefined;

  constructor(
    readonly className: string,
    readonly args: readonly Value[],
  ) {}

  /** The list that APPEND fills, made on first use. */
  items(): Value[] {
    this.list ??= [];
    return this.list;
  }

  /** The dictionary that SETITEM fills, made on first use. */
  entries(): Map<Value, Value> {
    this.dict ??= new Map();
    return this.dict;
  }
}

/** A storage as a persistent id names it. `bytes` is absent while a legacy file's storages are not located yet. */
export class StorageRef {
  constructor(
    readonly key: string,
    /** `undefined`: untyped, or a type that the engine does not know. */
    readonly dtype: DType | undefined,
    readonly className: string,
    /** Elements, or bytes where untyped. */
    readonly length: number,
    readonly bytes: StorageBytes | undefined,
    /** First element within `bytes` (legacy storage views), in elements. */
    readonly offset: number = 0,
  ) {}
}

export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Value[]
  | Map<Value, Value>
  | HostTensor
  | GlobalRef
  | PyObject
  | StorageRef;

/** A short name of a value's type, for messages. */
export function typeName(value: Value): string {
  if (value === null) return "None";
  if (Array.isArray(value)) return "list";
  if (value instanceof Map) return "dict";
  if (value instanceof Uint8Array) return "bytes";
  if (value instanceof GlobalRef) return value.name;
  if (value instanceof PyObject) return value.className;
  if (value instanceof StorageRef) return value.className;
  if (typeof value === "object") return "tensor";
  return typeof value;
}
