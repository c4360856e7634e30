/** `--slice`, `--slice-overlap`, `--slice-merge`: the same for every command. */

import { type Command, Option } from "commander";
import { SLICE_MERGES, type SliceMerge, type SliceOptions } from "../../solutions/slices/options.js";
import { UsageError } from "../errors.js";
import { overlapFlag, sliceFlag } from "./figures.js";

export interface SliceFlags {
  /** `true`: windows of the network's size. */
  readonly slice?: true | { readonly width: number; readonly height: number };
  readonly sliceOverlap?: number;
  readonly sliceMerge?: SliceMerge;
}

export function addSliceOptions(command: Command): Command {
  return command
    .option(
      "--slice [WxH]",
      "look for small objects in overlapping windows of this many pixels (640 or 640x480; default: the network's size) and in the whole picture",
      sliceFlag,
    )
    .option(
      "--slice-overlap <p>",
      "part of a window that it shares with its neighbour, 0 to 0.9 (default: 0.2)",
      overlapFlag,
    )
    .addOption(
      new Option(
        "--slice-merge <how>",
        "how boxes of different windows become one: nms drops the weaker, iou merges, ios also parts that lie inside another box (default: iou)",
      ).choices(SLICE_MERGES),
    );
}

/** @throws UsageError for options that have no effect without `--slice`. */
export function sliceOptions({ slice, sliceOverlap, sliceMerge }: SliceFlags): SliceOptions | undefined {
  if (slice === undefined) {
    const alone = sliceOverlap === undefined ? sliceMerge && "--slice-merge" : "--slice-overlap";
    if (alone !== undefined) throw new UsageError(`${alone} needs --slice, for example --slice 640`);
    return undefined;
  }
  return { ...(slice === true ? {} : slice), overlap: sliceOverlap, merge: sliceMerge };
}
