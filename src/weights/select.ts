/** Which of a checkpoint's models counts, and what surrounds it: `ema` before `model`, wrappers and prefixes removed. */

import { CheckpointError } from "../errors.js";
import type { HostTensor } from "../tensor/index.js";
import type { Budget } from "./budget.js";
import { describeValue } from "./describe.js";
import { checkName, Float32Charge } from "./limits.js";
import { checkTree, isModule, isOpaque, isTensor } from "./modules.js";
import type { Checkpoint, CheckpointFormat, ModuleNode, PlainValue } from "./types.js";

const WRAPPERS: ReadonlyMap<string, string> = new Map([
  ["DataParallel", "module"],
  ["DistributedDataParallel", "module"],
  ["OptimizedModule", "_orig_mod"],
]);
const PREFIXES = ["module.", "_orig_mod."];
/** Where training scripts put a state dict, in order of preference. */
const STATE_DICT_KEYS = ["ema", "model", "model_state_dict", "state_dict", "ema_state_dict", "ema_net", "net"];

/** @throws CheckpointError when the value is neither module, state dict nor a dictionary with one of them. */
export function selectModel(root: PlainValue, format: CheckpointFormat, budget: Budget): Checkpoint {
  if (isModule(root)) return { format, source: "bare", module: unwrap(root, budget), extra: new Map() };
  if (!(root instanceof Map)) {
    throw new CheckpointError(
      `holds a ${describe(root)} instead of a model; give a YOLOv5 checkpoint, a pickled module or a state dict`,
    );
  }
  for (const key of ["ema", "model"] as const) {
    const value = firstOfPair(root.get(key));
    if (isModule(value))
      return { format, source: key, module: unwrap(value, budget), extra: extraOf(root, ["ema", "model"]) };
    const tensors = asStateDict(value, budget);
    if (tensors) return { format, source: key, stateDict: tensors, extra: extraOf(root, ["ema", "model"]) };
    if (isOpaque(value)) {
      throw new CheckpointError(`holds a ${value.className} under '${key}', which is not a torch module`, { key });
    }
  }
  for (const key of STATE_DICT_KEYS) {
    const tensors = asStateDict(root.get(key), budget);
    if (tensors) return { format, stateDict: tensors, extra: extraOf(root, [key]) };
  }
  const bare = asStateDict(root, budget);
  if (bare) return { format, source: "bare", stateDict: bare, extra: new Map() };
  const keys = [...root.keys()]
    .slice(0, 8)
    .map((key) => describeValue(key))
    .join(", ");
  throw new CheckpointError(
    `holds a dictionary without a model (its keys: ${keys || "none"}); a YOLOv5 checkpoint has 'model' or 'ema', or is a state dict`,
    { keys },
  );
}

/** YOLOv5 of early 2021 stored `ema` as (module, updates). */
function firstOfPair(value: PlainValue | undefined): PlainValue | undefined {
  return Array.isArray(value) && value.length === 2 ? value[0] : value;
}

/** The module inside DataParallel, DistributedDataParallel and torch.compile wrappers, its tree checked. */
function unwrap(module: ModuleNode, budget: Budget): ModuleNode {
  checkTree(module, budget);
  let inner = module;
  for (;;) {
    const name = WRAPPERS.get(inner.type);
    const child = name === undefined ? undefined : inner.children.get(name);
    if (!child) return inner;
    inner = child;
  }
}

/** A dictionary of tensors by name; `undefined` where the value is none. Other entries (counters) are left out. */
function asStateDict(value: PlainValue | undefined, budget: Budget): ReadonlyMap<string, HostTensor> | undefined {
  if (!(value instanceof Map)) return undefined;
  const tensors = new Map<string, HostTensor>();
  for (const [name, tensor] of value) {
    if (typeof name === "string" && isTensor(tensor)) tensors.set(name, tensor);
  }
  // A checkpoint's own dictionary may hold a stray tensor; in a state dict at least half of the values are tensors.
  if (tensors.size === 0 || tensors.size * 2 < value.size) return undefined;
  const charge = new Float32Charge(budget.forForms());
  for (const [name, tensor] of tensors) {
    checkName(name);
    charge.add(tensor);
  }
  return stripPrefixes(tensors);
}

/** Removes `module.` and `_orig_mod.` where every name has it. */
export function stripPrefixes(tensors: ReadonlyMap<string, HostTensor>): ReadonlyMap<string, HostTensor> {
  let current = tensors;
  for (;;) {
    const names = [...current.keys()];
    const prefix = PREFIXES.find((p) => names.length > 0 && names.every((name) => name.startsWith(p)));
    if (prefix === undefined) return current;
    current = new Map([...current].map(([name, tensor]) => [name.slice(prefix.length), tensor]));
  }
}

function extraOf(root: ReadonlyMap<PlainValue, PlainValue>, without: readonly string[]): Map<string, PlainValue> {
  const extra = new Map<string, PlainValue>();
  for (const [key, value] of root) {
    if (typeof key === "string" && !without.includes(key)) extra.set(key, value);
  }
  return extra;
}

function describe(value: PlainValue): string {
  if (value === null) return "None";
  if (isTensor(value)) return "single tensor";
  if (isOpaque(value)) return value.className;
  if (Array.isArray(value)) return `list of ${value.length} values`;
  return typeof value === "object" ? "bytes" : typeof value;
}
