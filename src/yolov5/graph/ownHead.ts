/** The head of an ONNX export that is decoded by the file's own operators, on the host: its maps are outputs of the graph. */

import { GraphError } from "../../errors.js";
import type { ValueId } from "../../ops/index.js";
import type { ModuleNode } from "../../weights/types.js";
import { checkClasses, checkStrides } from "./bounds.js";
import { applyChild, type BuildContext, booleanAttribute, child, numberAttribute } from "./context.js";
import { type HeadFacts, numbersOf } from "./heads.js";

/** Type of its module. */
export const OWN_HEAD = "OwnDecoding";

/** The task that it is for. */
export function ownHeadKind({ children, attributes }: ModuleNode): "detect" | "segment" | "pose" {
  return children.has("proto") ? "segment" : attributes.has("kpt_shape") ? "pose" : "detect";
}

/** All maps, and the prototypes [N, nm, H/4, W/4] of segmentation. Its inputs are a map's each, then the prototypes'. */
export function applyOwnHead(
  context: BuildContext,
  module: ModuleNode,
  path: string,
  inputs: readonly ValueId[],
): { outputs: ValueId[]; facts: HeadFacts } {
  const maps = [...child(module, "m", path).children];
  const hasProto = module.children.has("proto");
  if (maps.length === 0 || inputs.length !== maps.length + (hasProto ? 1 : 0)) {
    throw new GraphError(`${path}: ${maps.length} convolutions for ${inputs.length} inputs`, { path });
  }
  const outputs = maps.map(([name, conv], i) => context.apply(conv, `${path}.m.${name}`, [inputs[i]]));
  if (hasProto) outputs.push(applyChild(context, module, path, "proto", [inputs[maps.length]]));
  const classes = numberAttribute(module, "nc", 0, path);
  const maskCoefficients = hasProto ? numberAttribute(module, "nm", 0, path) : 0;
  const strides = numbersOf(module.attributes.get("stride")) ?? [];
  checkClasses(classes, path);
  checkStrides(strides, path);
  const family = module.attributes.get("family") === "yolov5" ? "yolov5" : "ultralytics";
  const [count, size] = numbersOf(module.attributes.get("kpt_shape")) ?? [];
  const extras = maskCoefficients + (count === undefined ? 0 : count * size);
  const facts: HeadFacts = {
    kind: ownHeadKind(module),
    family,
    endToEnd: booleanAttribute(module, "end2end", false),
    classes,
    strides,
    anchors: [],
    outputs: (family === "yolov5" ? 5 : 4) + classes + extras,
    maskCoefficients,
    ...(count === undefined ? {} : { keypoints: { count, size } }),
    undecodedMaps: maps.length,
  };
  return { outputs, facts };
}
