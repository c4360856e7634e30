/**
 * Module trees as JSON, for the metadata of safetensors files: classes, attributes and wiring without the tensors, so
 * that pruned and hand-edited models are restored exactly.
 */

import { CheckpointError } from "../../errors.js";
import { type HostTensor, toFloat32 } from "../../tensor/index.js";
import { isTensor } from "../../weights/index.js";
import { checkClassName, checkName } from "../../weights/limits.js";
import type { ModuleNode, PlainValue } from "../../weights/types.js";
import { entriesOf, entryOf } from "./mapping.js";
import { INPUT_SCALE, INPUT_ZERO_POINT, WEIGHT_SCALE } from "./quantizedNames.js";

/** `t`: class path, `a`: attributes, `c`: children. */
interface ModuleJson {
  readonly t: string;
  readonly a?: Readonly<Record<string, AttributeJson>>;
  readonly c?: Readonly<Record<string, ModuleJson>>;
}
type AttributeJson = null | boolean | number | string | readonly AttributeJson[];

/** Attributes that only matter for training, or that duplicate the tensors. */
const DROPPED = new Set(["np", "training", "momentum", "hyp", "class_weights", "yaml", "names", "grid", "anchor_grid"]);

/** A value as JSON; small tensors as numbers; undefined for values without meaning here. */
function attributeJson(value: PlainValue): AttributeJson | undefined {
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : undefined;
  if (typeof value === "bigint") return Number(value);
  if (isTensor(value)) return value.data.length <= 64 ? Array.from(toFloat32(value).data) : undefined;
  if (Array.isArray(value)) {
    const parts = value.map((v) => attributeJson(v));
    return parts.every((part) => part !== undefined) ? (parts as AttributeJson[]) : undefined;
  }
  return undefined;
}

function toJson(module: ModuleNode): ModuleJson {
  const attributes: [string, AttributeJson][] = [];
  for (const [name, value] of module.attributes) {
    const json =
      DROPPED.has(name) || (name === "type" && module.attributes.has("f")) ? undefined : attributeJson(value);
    if (json !== undefined) attributes.push([name, json]);
  }
  const children = [...module.children].map(([name, part]): [string, ModuleJson] => [name, toJson(part)]);
  return {
    t: module.className,
    ...(attributes.length > 0 ? { a: Object.fromEntries(attributes) } : {}),
    ...(children.length > 0 ? { c: Object.fromEntries(children) } : {}),
  };
}

/** The tree's classes and attributes as a JSON text. */
export function moduleTreeToJson(module: ModuleNode): string {
  return JSON.stringify(toJson(module));
}

const MAX_DEPTH = 40;
/** Maximum number of modules, attributes and list items. */
const MAX_PARTS = 200_000;
/** Buffers of PyTorch's and YOLOv5's modules; every other tensor is a parameter. */
const BUFFERS = new Set([
  "running_mean",
  "running_var",
  "num_batches_tracked",
  "anchors",
  "anchor_grid",
  "stride",
  WEIGHT_SCALE,
  INPUT_SCALE,
  INPUT_ZERO_POINT,
]);

/** An attribute from the file; undefined for anything that `attributeJson` would not write. */
function attributeOf(value: unknown, reading: Reading, depth = 0): PlainValue | undefined {
  if (value === null || typeof value === "boolean" || typeof value === "number" || typeof value === "string") {
    return value;
  }
  if (!Array.isArray(value) || depth > MAX_DEPTH) return undefined;
  reading.count(value.length);
  const parts = value.map((part) => attributeOf(part, reading, depth + 1));
  return parts.every((part) => part !== undefined) ? parts : undefined;
}

/** State for reading one tree. Maps from a pickle may share contents, so parts are counted wherever they occur. */
class Reading {
  private parts = 0;

  constructor(readonly tensors: ReadonlyMap<string, ReadonlyMap<string, HostTensor>>) {}

  /** @throws CheckpointError for a tree larger than any real model. */
  count(parts: number): void {
    this.parts += parts;
    if (this.parts > MAX_PARTS) throw new CheckpointError(`holds a module tree of more than ${MAX_PARTS} parts`);
  }
}

function fromJson(source: unknown, path: string, reading: Reading, depth: number): ModuleNode {
  if (typeof source !== "object" || source === null || depth > MAX_DEPTH) {
    throw new CheckpointError(`holds a module tree that is damaged at ${path || "its root"}`, { path });
  }
  const className = entryOf(source, "t");
  if (typeof className !== "string")
    throw new CheckpointError(`holds a module without a class at ${path || "its root"}`, { path });
  checkClassName(className.length);
  const own = reading.tensors.get(path) ?? new Map<string, HostTensor>();
  const attributes = new Map<string, PlainValue>();
  for (const [name, value] of partsOf(source, "a", reading)) {
    const attribute = attributeOf(value, reading);
    if (attribute !== undefined) attributes.set(name, attribute);
  }
  const children = partsOf(source, "c", reading).map(([name, part]): [string, ModuleNode] => {
    checkName(name);
    return [name, fromJson(part, path === "" ? name : `${path}.${name}`, reading, depth + 1)];
  });
  return {
    kind: "module",
    type: className.slice(className.lastIndexOf(".") + 1),
    className,
    attributes,
    parameters: new Map([...own].filter(([name]) => !BUFFERS.has(name))),
    buffers: new Map([...own].filter(([name]) => BUFFERS.has(name))),
    children: new Map(children),
  };
}

/** The entries of a part, counted before they are copied. */
function partsOf(source: object, key: string, reading: Reading): [string, unknown][] {
  const part = entryOf(source, key);
  if (part instanceof Map) reading.count(part.size);
  const entries = entriesOf(part);
  if (!(part instanceof Map)) reading.count(entries.length);
  return entries;
}

/**
 * Restores a tree from its JSON (as text, or parsed from metadata with objects as maps) and a state dict.
 * @throws CheckpointError for anything but a module tree.
 */
export function moduleTreeFromJson(source: PlainValue, stateDict: ReadonlyMap<string, HostTensor>): ModuleNode {
  let tree: unknown = source;
  if (typeof source === "string") {
    try {
      tree = JSON.parse(source);
    } catch {
      throw new CheckpointError("holds a module tree that is not valid JSON");
    }
  }
  const byModule = new Map<string, Map<string, HostTensor>>();
  for (const [name, value] of stateDict) {
    const dot = name.lastIndexOf(".");
    const path = dot < 0 ? "" : name.slice(0, dot);
    let own = byModule.get(path);
    if (!own) {
      own = new Map();
      byModule.set(path, own);
    }
    own.set(name.slice(dot + 1), value);
  }
  return fromJson(tree, "", new Reading(byModule), 0);
}
