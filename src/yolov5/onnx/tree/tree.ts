/** A translated graph and its head → the module tree that every command works on. */

import { CheckpointError } from "../../../errors.js";
import type { ModuleNode } from "../../../weights/types.js";
import type { Family } from "../../graph/heads.js";
import type { OwnHead } from "../head/ownHead.js";
import type { RecognisedHead } from "../head/recognise.js";
import { moduleOf } from "../layers/modules.js";
import {
  anchorFreeHeadModule,
  anchorHeadModule,
  type Branch,
  type BuiltHead,
  branchTo,
  classifyModule,
  ownHeadModule,
} from "./heads.js";
import { layersByName, placed, type Wire } from "./wiring.js";

/** Layers in order, the head last. */
function treeOf(wires: readonly Wire[], head: BuiltHead): ModuleNode {
  const named = layersByName(wires, head.from);
  const layers = named?.layers ?? wires.map(({ module, from }) => ({ module, from }));
  const all = [...layers, { module: head.module, from: named?.ids ?? head.from }];
  const children = all.map(({ module, from }, i) => [String(i), placed(module, from)] as const);
  return moduleOf("yolov5_ts.OnnxModel", { children: [["model", moduleOf("torch.nn.Sequential", { children })]] });
}

/** Wires without those that became part of the head, and the head's sources among them. */
function without(wires: readonly Wire[], taken: ReadonlySet<number>, head: BuiltHead): ModuleNode {
  const numbers = new Map<number, number>([[-1, -1]]);
  const kept = wires.filter((_, id) => {
    if (taken.has(id)) return false;
    numbers.set(id, numbers.size - 1);
    return true;
  });
  const renumber = (id: number): number => numbers.get(id) ?? -1;
  return treeOf(
    kept.map((wire) => ({ ...wire, from: wire.from.map(renumber) })),
    { ...head, from: head.from.map(renumber) },
  );
}

function readersOf(wires: readonly Wire[], outputs: readonly number[]): number[] {
  const readers = wires.map(() => 0);
  for (const { from } of wires) for (const source of from) if (source >= 0) readers[source]++;
  for (const id of outputs) if (id >= 0) readers[id]++;
  return readers;
}

/**
 * @param maps wires of the head's maps: a level each, or a level's after the other.
 * @param proto wire of the prototypes.
 */
export function detectionTree(
  wires: readonly Wire[],
  recognised: RecognisedHead | OwnHead,
  maps: readonly number[],
  proto: number | undefined,
): ModuleNode {
  const taken = new Set<number>();
  const readers = readersOf(wires, proto === undefined ? maps : [...maps, proto]);
  const branch = (id: number, most: number): Branch => {
    const found = branchTo(wires, readers, id, { most, taken });
    if (found.modules.length > 0) return found;
    throw new CheckpointError(
      "is an ONNX model in which other layers read the maps of the head, unlike any YOLO that this engine runs",
    );
  };
  const most = recognised.kind === "anchorFree" ? Number.POSITIVE_INFINITY : 1;
  const branches = maps.map((id) => branch(id, most));
  const protoBranch = proto === undefined ? undefined : branch(proto, Number.POSITIVE_INFINITY);
  if (recognised.kind === "anchors") return without(wires, taken, anchorHeadModule(recognised, branches, protoBranch));
  if (recognised.kind === "own") return without(wires, taken, ownHeadModule(recognised, branches, protoBranch));
  const perLevel = recognised.levels[0].length;
  const levels = recognised.levels.map((_, level) => branches.slice(level * perLevel, (level + 1) * perLevel));
  return without(wires, taken, anchorFreeHeadModule(recognised, levels, protoBranch));
}

/** @param logits wire of the last linear layer. */
export function classificationTree(wires: readonly Wire[], logits: number, family: Family): ModuleNode {
  const last = wires[logits];
  const pool = last && wires[last.from[0]];
  // Where pictures have one pixel, a linear layer is a 1×1 convolution.
  if (!last || !["Linear", "Conv2d"].includes(last.module.type) || pool?.module.type !== "AdaptiveAvgPool2d") {
    throw new CheckpointError(
      "is an ONNX model whose class scores do not come from a mean over feature maps and a linear layer, as in YOLO",
    );
  }
  const readers = readersOf(wires, [logits]);
  const taken = new Set([logits, last.from[0]]);
  const convolutions: ModuleNode[] = [];
  let [from] = pool.from;
  // The convolution before the mean is part of the layer where its name says so.
  while (
    from >= 0 &&
    last.layer !== undefined &&
    wires[from].layer === last.layer &&
    readers[from] === 1 &&
    wires[from].from.length === 1
  ) {
    convolutions.unshift(wires[from].module);
    taken.add(from);
    [from] = wires[from].from;
  }
  const className = family === "ultralytics" ? "ultralytics.nn.modules.head.Classify" : "yolov5_ts.Classify";
  const module = classifyModule(className, convolutions, pool.module, last.module);
  return without(wires, taken, { module, from: [from] });
}
