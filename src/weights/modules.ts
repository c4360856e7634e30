/**
 * Turns what the unpickler built into the inert values of `types.ts`: objects with torch's `_modules` and `_parameters`
 * become `ModuleNode`s, the rest `OpaqueRecord`s. Works through a list instead of recursing, so cycles and depth are
 * harmless; shared values stay shared.
 */

import type { HostTensor } from "../tensor/index.js";
import { type Budget, damaged } from "./budget.js";
import { checkName, Float32Charge, MAX_NAMES, MAX_TREE_DEPTH, MAX_TREE_NODES } from "./limits.js";
import { numpyArray, numpyDTypeName } from "./pickle/numpy.js";
import { GlobalRef, PyObject, StorageRef, type Value } from "./pickle/values.js";
import type { ModuleNode, OpaqueRecord, PlainValue } from "./types.js";

/** What a record or module takes in memory, as the budget counts it. */
const RECORD_COST = 256;
const ENTRY_COST = 48;

/** Dictionaries and flags of `torch.nn.Module` itself, which say nothing about the network. */
const TORCH_STATE: ReadonlySet<string> = new Set([
  "_modules",
  "_parameters",
  "_buffers",
  "_non_persistent_buffers_set",
  "_backward_hooks",
  "_backward_pre_hooks",
  "_forward_hooks",
  "_forward_hooks_with_kwargs",
  "_forward_hooks_always_called",
  "_forward_pre_hooks",
  "_forward_pre_hooks_with_kwargs",
  "_is_full_backward_hook",
  "_state_dict_hooks",
  "_state_dict_pre_hooks",
  "_load_state_dict_pre_hooks",
  "_load_state_dict_post_hooks",
]);

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A module under construction; assignable to `ModuleNode`. */
interface ModuleShell extends Mutable<ModuleNode> {
  attributes: Map<string, PlainValue>;
  parameters: Map<string, HostTensor>;
  buffers: Map<string, HostTensor>;
  children: Map<string, ModuleNode>;
}

export function toPlain(root: Value, budget: Budget): PlainValue {
  return new Converter(budget).convert(root);
}

class Converter {
  private readonly done = new Map<Value, PlainValue>();
  private readonly lists = new Map<readonly Value[], readonly PlainValue[]>();
  private readonly modules = new Map<PyObject, ModuleShell>();
  /** Containers whose shells exist and whose contents are still to be converted. */
  private readonly pending: (() => void)[] = [];

  constructor(private readonly budget: Budget) {}

  convert(root: Value): PlainValue {
    const result = this.shell(root);
    for (let fill = this.pending.pop(); fill; fill = this.pending.pop()) fill();
    return result;
  }

  /** The converted value; the contents of containers follow later. */
  private shell(value: Value): PlainValue {
    if (value === null || typeof value !== "object" || value instanceof Uint8Array) return value;
    const known = this.done.get(value);
    if (known !== undefined) return known;
    const made = this.make(value);
    this.done.set(value, made);
    return made;
  }

  private make(value: Exclude<Value, null | boolean | number | bigint | string | Uint8Array>): PlainValue {
    this.budget.charge(RECORD_COST, "the values of its pickle");
    if (Array.isArray(value)) return this.list(value);
    if (value instanceof Map) {
      this.budget.charge(ENTRY_COST * value.size, "the dictionaries of its pickle");
      const map = new Map<PlainValue, PlainValue>();
      this.pending.push(() => {
        for (const [key, item] of value) map.set(this.shell(key), this.shell(item));
      });
      return map;
    }
    // `torch.float16` and the like are strings, other classes and functions records of their names.
    if (value instanceof GlobalRef) return /^torch\.\w+$/.test(value.name) ? value.name : record(value.name);
    if (value instanceof StorageRef) return record(value.className);
    if (value instanceof PyObject) return this.makeObject(value);
    return value;
  }

  private list(values: readonly Value[]): readonly PlainValue[] {
    const known = this.lists.get(values);
    if (known) return known;
    this.budget.charge(8 * values.length, "the lists of its pickle");
    const list: PlainValue[] = [];
    this.lists.set(values, list);
    this.pending.push(() => {
      for (const item of values) list.push(this.shell(item));
    });
    return list;
  }

  private makeObject(object: PyObject): PlainValue {
    const array = numpyArray(object, this.budget) ?? numpyDTypeName(object);
    if (array !== undefined) return array;
    if (isModuleState(object.state)) return this.module(object);
    const made: Mutable<OpaqueRecord> = record(object.className);
    this.pending.push(() => {
      // As a list of its own, so that arguments which many objects share are converted once.
      made.args = this.list(object.args);
      made.state = this.shell(stateOf(object));
    });
    return made;
  }

  /** The module of `object`, made on first sight. */
  private module(object: PyObject): ModuleShell {
    const known = this.modules.get(object);
    if (known) return known;
    this.budget.charge(4 * RECORD_COST, "the modules of its pickle");
    const made: ModuleShell = {
      kind: "module",
      type: object.className.slice(object.className.lastIndexOf(".") + 1),
      className: object.className,
      attributes: new Map(),
      parameters: new Map(),
      buffers: new Map(),
      children: new Map(),
    };
    this.modules.set(object, made);
    this.done.set(object, made);
    this.pending.push(() => this.fillModule(made, object));
    return made;
  }

  private fillModule(made: ModuleShell, object: PyObject): void {
    const state = object.state;
    if (!(state instanceof Map)) return;
    // A state that several modules share is copied for each.
    this.budget.charge(ENTRY_COST * state.size, "the modules of its pickle");
    for (const [key, value] of state) {
      if (typeof key !== "string") continue;
      if (!TORCH_STATE.has(key)) made.attributes.set(key, this.shell(value));
      else if (value instanceof Map) this.fillFrom(made, key, value);
    }
  }

  /** Parameters, buffers or children; what is None is left out, what is neither tensor nor module is an attribute. */
  private fillFrom(made: ModuleShell, dictionary: string, entries: ReadonlyMap<Value, Value>): void {
    if (dictionary !== "_modules" && dictionary !== "_parameters" && dictionary !== "_buffers") return;
    this.budget.charge(ENTRY_COST * entries.size, "the modules of its pickle");
    for (const [name, value] of entries) {
      if (typeof name !== "string" || value === null) continue;
      checkName(name);
      if (dictionary === "_modules" && value instanceof PyObject && !knownAsData(value)) {
        made.children.set(name, this.module(value));
        continue;
      }
      const plain = this.shell(value);
      if (dictionary === "_modules" || !isTensor(plain)) made.attributes.set(name, plain);
      else (dictionary === "_parameters" ? made.parameters : made.buffers).set(name, plain);
    }
  }
}

/** True for tensors among plain values. */
export function isTensor(value: PlainValue | undefined): value is HostTensor {
  return typeof value === "object" && value !== null && "dtype" in value;
}

/** True for modules among plain values. */
export function isModule(value: PlainValue | undefined): value is ModuleNode {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "module";
}

/** True for records of other Python objects. */
export function isOpaque(value: PlainValue | undefined): value is OpaqueRecord {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "opaque";
}

function isModuleState(state: Value): boolean {
  return state instanceof Map && state.get("_modules") instanceof Map && state.get("_parameters") instanceof Map;
}

/** An array that stands among the submodules is no module, whatever the file claims. */
function knownAsData(object: PyObject): boolean {
  return object.className === "numpy.ndarray" || object.className === "numpy.dtype";
}

function record(className: string): Mutable<OpaqueRecord> {
  return { kind: "opaque", className, args: [], state: null };
}

/** The state that BUILD gave, with the items of list and dict subclasses. */
function stateOf(object: PyObject): Value {
  const items = object.dict ?? object.list;
  if (!items) return object.state;
  return object.state === null ? items : [object.state, items];
}

/**
 * Makes sure that a module tree can be walked recursively and put on a device: no cycle, bounded in depth, modules and
 * tensors (shared ones counted wherever they occur), the length of all names, and what its tensors take as float32.
 * @throws CheckpointError otherwise.
 */
export function checkTree(root: ModuleNode, budget: Budget): void {
  /** What is below a module, itself included, once it is finished; undefined while its children are being visited. */
  const sizes = new Map<ModuleNode, TreeSize | undefined>();
  const charge = new Float32Charge(budget.forForms());
  const visit = (module: ModuleNode, depth: number): TreeSize => {
    const known = sizes.get(module);
    if (!known && sizes.has(module)) damaged(`module ${module.className} contains itself`);
    if (depth > MAX_TREE_DEPTH) damaged(`its modules are nested more than ${MAX_TREE_DEPTH} deep`);
    if (known) return known;
    sizes.set(module, undefined);
    let count = 1;
    let characters = 0;
    for (const [name, tensor] of [...module.parameters, ...module.buffers]) {
      charge.add(tensor);
      count++;
      characters += name.length;
    }
    for (const [name, child] of module.children) {
      const below = visit(child, depth + 1);
      count += below.count;
      characters += below.characters + (name.length + 1) * below.count;
    }
    if (count > MAX_TREE_NODES) damaged(`it has more than ${MAX_TREE_NODES} modules and tensors`);
    if (characters > MAX_NAMES)
      damaged(`the names of its modules and tensors add up to more than ${MAX_NAMES} characters`);
    const size = { count, characters };
    sizes.set(module, size);
    return size;
  };
  visit(root, 0);
}

interface TreeSize {
  readonly count: number;
  /** Of all dotted names, from this module on. */
  readonly characters: number;
}
