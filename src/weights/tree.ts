/** Reading a module tree: state dict, look-up by path, plain copies for printing. */

import { CheckpointError } from "../errors.js";
import type { HostTensor } from "../tensor/index.js";
import { describeValue } from "./describe.js";
import type { ModuleNode, PlainValue } from "./types.js";

/**
 * Parameters and buffers by PyTorch's names (`model.0.conv.weight`), in PyTorch's order: a module's own parameters, its
 * buffers, then its children. Modules that occur twice give their tensors under both names, as `state_dict()` does.
 * Safe on any module that `openCheckpoint` returns: their depth and size are bounded.
 */
export function collectStateDict(module: ModuleNode, prefix = ""): Map<string, HostTensor> {
  const tensors = new Map<string, HostTensor>();
  walkModules(
    module,
    (node, path) => {
      const dot = path === "" ? "" : `${path}.`;
      for (const [name, tensor] of node.parameters) tensors.set(dot + name, tensor);
      for (const [name, tensor] of node.buffers) tensors.set(dot + name, tensor);
    },
    prefix,
  );
  return tensors;
}

/** Calls `visit` for a module and everything below it, parents first, with PyTorch's dotted path (root: `prefix`). */
export function walkModules(module: ModuleNode, visit: (module: ModuleNode, path: string) => void, prefix = ""): void {
  visit(module, prefix);
  for (const [name, child] of module.children) walkModules(child, visit, prefix === "" ? name : `${prefix}.${name}`);
}

/** The submodule at a dotted path (`model.9.cv1`); `undefined` where there is none. */
export function moduleAt(module: ModuleNode, path: string): ModuleNode | undefined {
  let current: ModuleNode | undefined = module;
  if (path === "") return current;
  for (const name of path.split(".")) current = current?.children.get(name);
  return current;
}

/** Elements of all parameters; a module or tensor that occurs twice counts once, as in PyTorch. */
export function countParameters(module: ModuleNode): number {
  const seen = new Set<HostTensor>();
  walkModules(module, (node) => {
    for (const tensor of node.parameters.values()) seen.add(tensor);
  });
  let count = 0;
  for (const tensor of seen) count += tensor.data.length;
  return count;
}

/** What `asPlainObject` gives: fit for JSON. */
export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };

const MAX_DEPTH = 64;
const MAX_VALUES = 1_000_000;
/** Of all strings together: one that a file shares counts wherever it occurs. */
const MAX_CHARACTERS = 16_000_000;

/**
 * A copy for printing and JSON: maps become objects (own properties only, so that a key `__proto__` is a key like any
 * other), tensors, modules and records short descriptions, big integers and non-finite numbers strings.
 * @throws CheckpointError beyond 64 levels (cycles), a million values or 16 million characters.
 */
export function asPlainObject(value: PlainValue): JsonValue {
  let left = MAX_VALUES;
  let characters = MAX_CHARACTERS;
  const text = (item: string): string => {
    characters -= item.length;
    if (characters < 0) throw new CheckpointError(`holds more than ${MAX_CHARACTERS} characters in one entry`);
    return item;
  };
  const copy = (item: PlainValue, depth: number): JsonValue => {
    if (depth > MAX_DEPTH) throw new CheckpointError(`holds values nested more than ${MAX_DEPTH} deep or in a cycle`);
    if (--left < 0) throw new CheckpointError(`holds more than ${MAX_VALUES} values in one entry`);
    if (item === null || typeof item === "boolean") return item;
    if (typeof item === "string") return text(item);
    if (typeof item === "number") return Number.isFinite(item) ? item : String(item);
    if (typeof item === "bigint") return text(String(item));
    if (Array.isArray(item)) return item.map((element: PlainValue) => copy(element, depth + 1));
    if (item instanceof Map) {
      const entries: [string, JsonValue][] = [];
      for (const [key, element] of item) entries.push([keyText(key, text), copy(element, depth + 1)]);
      return Object.fromEntries(entries);
    }
    return describeValue(item);
  };
  return copy(value, 0);
}

/** A value as a dictionary key. */
function keyText(value: PlainValue, text: (key: string) => string): string {
  return text(typeof value === "string" || typeof value === "bigint" ? String(value) : describeValue(value));
}
