/** Options of non-maximum suppression, validated in one place. */

import { OptionError } from "../../../errors.js";
import { count, flag, fraction, shown } from "../../calls/checks.js";
import type { ModelInfo } from "../../checkpoint/modelInfo.js";
import type { Family } from "../../graph/heads.js";

/** Options of `nonMaxSuppression`. */
export interface NmsOptions {
  /** Confidence threshold, 0 to 1, exclusive. Default 0.25 (`val` uses 0.001). */
  readonly conf?: number | undefined;
  /** IoU above which the weaker box is dropped, 0 to 1. Default 0.45 (`val` uses 0.6); 0.7 without anchors. */
  readonly iou?: number | undefined;
  /** Maximum number of boxes per image, cut after suppression. Default 1000 (`val` uses 300); 300 without anchors. */
  readonly maxDet?: number | undefined;
  /** Keep only these class indices; a box whose best class is another one is dropped, not relabelled. Default: all. */
  readonly classes?: readonly number[] | undefined;
  /** Suppress across classes. Default false. */
  readonly agnostic?: boolean | undefined;
  /** Report every class above the threshold instead of the best one. Default false; no effect on one-class models. */
  readonly multiLabel?: boolean | undefined;
}

/** Validated, with defaults filled in. */
export interface ResolvedNmsOptions {
  readonly conf: number;
  readonly iou: number;
  readonly maxDet: number;
  readonly classes: readonly number[] | undefined;
  readonly agnostic: boolean;
  readonly multiLabel: boolean;
}

/** What suppression does by default: detect.py's defaults, and those of the newer package. */
const DEFAULTS: Readonly<Record<Family, { readonly iou: number; readonly maxDet: number }>> = {
  yolov5: { iou: 0.45, maxDet: 1000 },
  ultralytics: { iou: 0.7, maxDet: 300 },
};

/** The facts about a model that NMS depends on; the number of classes, if known. */
export type SuppressedModel = Partial<Pick<ModelInfo, "classes" | "family">>;

/** @throws OptionError naming the option and its value. */
export function resolveNmsOptions(
  options: NmsOptions,
  { classes: classCount = Number.POSITIVE_INFINITY, family = "yolov5" }: SuppressedModel = {},
): ResolvedNmsOptions {
  const defaults = DEFAULTS[family];
  return {
    conf: fraction(options.conf ?? 0.25, "conf"),
    iou: fraction(options.iou ?? defaults.iou, "iou"),
    maxDet: count(options.maxDet ?? defaults.maxDet, "maxDet"),
    classes: classIndices(options.classes, classCount),
    agnostic: flag(options.agnostic ?? false, "agnostic"),
    multiLabel: flag(options.multiLabel ?? false, "multiLabel"),
  };
}

function classIndices(given: readonly number[] | undefined, classCount: number): readonly number[] | undefined {
  const classes = given ?? [];
  if (!Array.isArray(classes)) {
    throw new OptionError(`classes must be a list of class indices, such as [0], got ${shown(classes)}`, { classes });
  }
  for (const index of classes) {
    if (Number.isInteger(index) && index >= 0 && index < classCount) continue;
    const which = Number.isFinite(classCount)
      ? `is not a class of this model, which has 0 to ${classCount - 1}`
      : "is not a class index (0, 1, 2 …)";
    throw new OptionError(`classes: ${shown(index)} ${which}`, { index });
  }
  return given;
}
