/** Options of non-maximum suppression, checked once for everyone who suppresses. */

import { OptionError } from "../../errors.js";
import { count, flag, fraction, shown } from "../calls/checks.js";

/** Options of `nonMaxSuppression`. */
export interface NmsOptions {
  /** Confidence threshold, 0 to 1, exclusive. Default 0.25 (`val` uses 0.001). */
  readonly conf?: number | undefined;
  /** IoU above which the weaker box goes, 0 to 1. Default 0.45 (`val` uses 0.6). */
  readonly iou?: number | undefined;
  /** Most boxes per image, cut after suppression. Default 1000 (`val` uses 300). */
  readonly maxDet?: number | undefined;
  /** Only these class indices; a box whose best class is another one is dropped, not relabelled. Default all. */
  readonly classes?: readonly number[] | undefined;
  /** Suppress across classes. Default false. */
  readonly agnostic?: boolean | undefined;
  /** Every class above the threshold instead of the best one. Default false; no effect on one-class models. */
  readonly multiLabel?: boolean | undefined;
}

/** Checked, with the defaults filled in. */
export interface ResolvedNmsOptions {
  readonly conf: number;
  readonly iou: number;
  readonly maxDet: number;
  readonly classes: readonly number[] | undefined;
  readonly agnostic: boolean;
  readonly multiLabel: boolean;
}

/**
 * @param classCount how many classes the model has, where that is known
 * @throws OptionError naming the option and its value.
 */
export function resolveNmsOptions(options: NmsOptions, classCount = Number.POSITIVE_INFINITY): ResolvedNmsOptions {
  return {
    conf: fraction(options.conf ?? 0.25, "conf"),
    iou: fraction(options.iou ?? 0.45, "iou"),
    maxDet: count(options.maxDet ?? 1000, "maxDet"),
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
      ? `is no class of this model, which has 0 to ${classCount - 1}`
      : "is no class index (0, 1, 2 …)";
    throw new OptionError(`classes: ${shown(index)} ${which}`, { index });
  }
  return given;
}
