/** Options of sliced inference, validated once. */

import { OptionError } from "../../errors.js";

/**
 * How boxes of different windows are merged. `nms`: the weaker box is dropped. `iou`: boxes that agree in the area that both windows
 * see are merged. `ios`: so are boxes cut by a window's edge if nine tenths of them lie inside another box.
 */
export type SliceMerge = "nms" | "iou" | "ios";
export const SLICE_MERGES: readonly SliceMerge[] = ["nms", "iou", "ios"];

/** How a picture is cut into windows, and their boxes are merged. */
export interface SliceOptions {
  /** Width of the windows in picture pixels. Default: the network's input. */
  readonly width?: number | undefined;
  /** Default: `width`. */
  readonly height?: number | undefined;
  /** Minimum part of a window that it shares with its neighbour, 0 to 0.9. Default 0.2. */
  readonly overlap?: number | undefined;
  /** Default `iou`. */
  readonly merge?: SliceMerge | undefined;
  /** The IoU or IoS from which boxes of different windows count as the same object, 0 to 1. Default 0.5. */
  readonly threshold?: number | undefined;
  /** Also detect in the whole picture, for objects larger than a window. Default true. */
  readonly whole?: boolean | undefined;
}

/** Validated, with defaults filled in; sizes are absent where the network's are used. */
export interface ResolvedSlices {
  readonly width: number | undefined;
  readonly height: number | undefined;
  readonly overlap: number;
  readonly merge: SliceMerge;
  readonly threshold: number;
  readonly whole: boolean;
}

/** The least side of a window. */
const LEAST = 32;
const MOST = 16384;
const MOST_OVERLAP = 0.9;

const text = (value: unknown): string =>
  typeof value === "string" ? JSON.stringify(value.slice(0, 40)) : String(value);

function side(value: number | undefined, name: string): number | undefined {
  if (value === undefined) return undefined;
  if (!Number.isInteger(value) || value < LEAST || value > MOST) {
    throw new OptionError(`slice: ${name} must be whole pixels from ${LEAST} to ${MOST}, got ${text(value)}`, {
      value,
    });
  }
  return value;
}

function between(value: number, name: string, most: number): number {
  if (typeof value !== "number" || !(value >= 0 && value <= most)) {
    throw new OptionError(`slice: ${name} must be between 0 and ${most}, got ${text(value)}`, { value });
  }
  return value;
}

/**
 * @param slice `true`: windows of the network's size; a number: square windows of that many pixels; or options.
 * @returns undefined for `false` and `undefined`.
 * @throws OptionError with the option and its value.
 */
export function resolveSlices(slice: boolean | number | SliceOptions | undefined): ResolvedSlices | undefined {
  if (slice === undefined || slice === false) return undefined;
  const options: SliceOptions = slice === true ? {} : typeof slice === "number" ? { width: slice } : slice;
  if (typeof options !== "object" || options === null) {
    throw new OptionError(
      `slice must be true, a width in pixels or { width, height, overlap, merge }, got ${text(slice)}`,
    );
  }
  const { overlap = 0.2, merge = "iou", threshold = 0.5, whole = true } = options;
  const width = side(options.width, "width");
  const height = side(options.height, "height");
  if (!SLICE_MERGES.includes(merge)) {
    throw new OptionError(`slice: merge must be one of ${SLICE_MERGES.join(", ")}, got ${text(merge)}`, { merge });
  }
  if (typeof whole !== "boolean") throw new OptionError(`slice: whole must be true or false, got ${text(whole)}`);
  return {
    width: width ?? height,
    height: height ?? width,
    overlap: between(overlap, "overlap", MOST_OVERLAP),
    merge,
    threshold: between(threshold, "threshold", 1),
    whole,
  };
}
