/** Reading a module tree: state dict, look-up by path, plain copies for printing. */

import { CheckpointError } from "../errors.js";
import { formatShape, type HostTensor } from "../tensor/index.js";
import { isModule, isOpaque, isTensor } from "./modules.js";
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

/**
 * A copy for printing and JSON: maps become objects (own properties only, so that a key `__proto__` is a key like any
 * other), tensors, modules and records short descriptions, big integers and non-finite numbers strings.
 * @throws CheckpointError beyond 64 levels (cycles) or a million values.
 */
export function asPlainObject(value: PlainValue): JsonValue {
  let left = MAX_VALUES;
  const copy = (item: PlainValue, depth: number): JsonValue => {
    if (depth > MAX_DEPTH) throw new CheckpointError(`holds values nested more than ${MAX_DEPTH} deep or in a cycle`);
    if (--left < 0) throw new CheckpointError(`holds more than ${MAX_VALUES} values in one entry`);
    if (item === null || typeof item === "boolean" || typeof item === "string") return item;
    if (typeof item === "number") return Number.isFinite(item) ? item : String(item);
    if (typeof item === "bigint") return String(item);
    if (item instanceof Uint8Array) return `<${item.length} bytes>`;
    if (Array.isArray(item)) return item.map((element: PlainValue) => copy(element, depth + 1));
    if (item instanceof Map) {
      const entries: [string, JsonValue][] = [];
      for (const [key, element] of item) entries.push([keyText(key), copy(element, depth + 1)]);
      return Object.fromEntries(entries);
    }
    return keyText(item);
  };
  return copy(value, 0);
}

/** A value as a dictionary key or in a sentence. */
function keyText(value: PlainValue): string {
  if (isTensor(value)) return `<${value.dtype} ${formatShape(value.shape)}>`;
  if (isModule(value) || isOpaque(value)) return `<${value.className}>`;
  if (value instanceof Map) return `<dict of ${value.size}>`;
  if (Array.isArray(value)) return `<list of ${value.length}>`;
  return String(value);
}
