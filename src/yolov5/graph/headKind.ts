/** Which head a module is, by class name or by its contents. */

import type { ModuleNode } from "../../weights/types.js";
import { isAnchorFree } from "./anchorFreeHead.js";
import { type Family, type HeadKind, tensorOf } from "./heads.js";
import { OWN_HEAD, ownHeadKind } from "./ownHead.js";

/** The task that a head is for; undefined for other modules. */
export function headKind(module: ModuleNode): HeadKind | undefined {
  const { children, type } = module;
  if (type === OWN_HEAD) return ownHeadKind(module);
  if (isAnchorFree(module)) {
    if (children.has("proto")) return "segment";
    return module.attributes.has("kpt_shape") ? "pose" : "detect";
  }
  if (type === "Classify" || (children.has("pool") && children.has("linear"))) return "classify";
  const named = type === "Detect" || type === "Segment";
  if (!(named || tensorOf(module, "anchors")) || !children.has("m")) return undefined;
  return children.has("proto") ? "segment" : "detect";
}

/** A head's family: that of heads without anchors follows from their contents, that of classification heads from the package of their class. */
export function familyOf(head: ModuleNode): Family {
  return isAnchorFree(head) || head.className.startsWith("ultralytics.") ? "ultralytics" : "yolov5";
}
