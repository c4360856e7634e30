/** Tracker options, validated once. */

import { OptionError } from "../errors.js";

/**
 * `bytetrack`: two rounds of association, the second for low-score boxes. `sort`: one round, with high-score boxes
 * only.
 */
export type TrackerAlgorithm = "bytetrack" | "sort";
/** All tracking algorithms, the default first. */
export const TRACKER_ALGORITHMS: readonly TrackerAlgorithm[] = ["bytetrack", "sort"];

/** Options of `Tracker`. */
export interface TrackerOptions {
  /** Default `bytetrack`. */
  readonly algorithm?: TrackerAlgorithm | undefined;
  /** Boxes with at least this score are matched first. Default 0.5. */
  readonly high?: number | undefined;
  /** Boxes below this score are ignored; those between `low` and `high` only continue tracks. Default 0.1. */
  readonly low?: number | undefined;
  /** Minimum score to start a track. Default `high` + 0.1, or halfway from `high` to 1 if that is less. */
  readonly begin?: number | undefined;
  /** Frames for which a lost track is remembered. Default 30. */
  readonly buffer?: number | undefined;
  /** Consecutive frames in which an object must be seen before it gets an ID. Default 2 (`bytetrack`), 3 (`sort`). */
  readonly minHits?: number | undefined;
  /** Boxes continue only tracks of their own class. Default true. */
  readonly classAware?: boolean | undefined;
}

/** Options of `Tracker` with all defaults filled in. */
export type ResolvedTrackerOptions = {
  readonly [K in keyof TrackerOptions]-?: NonNullable<TrackerOptions[K]>;
};

function score(value: number, name: string): number {
  if (!(value >= 0 && value <= 1)) {
    throw new OptionError(`tracker: ${name} must be a score between 0 and 1, got ${value}`, { [name]: value });
  }
  return value;
}

function whole(value: number, name: string, least: number): number {
  if (!Number.isInteger(value) || value < least) {
    throw new OptionError(`tracker: ${name} must be a whole number of at least ${least}, got ${value}`, {
      [name]: value,
    });
  }
  return value;
}

/** @throws OptionError with the option and its value. */
export function resolveTrackerOptions(options: TrackerOptions): ResolvedTrackerOptions {
  const algorithm = options.algorithm ?? "bytetrack";
  if (!TRACKER_ALGORITHMS.includes(algorithm)) {
    throw new OptionError(`tracker: algorithm must be ${TRACKER_ALGORITHMS.join(" or ")}, got ${algorithm}`, {
      algorithm,
    });
  }
  const high = score(options.high ?? 0.5, "high");
  const low = score(options.low ?? Math.min(0.1, high), "low");
  if (low > high) {
    throw new OptionError(`tracker: low ${low} must not be above high ${high}`, { low, high });
  }
  return {
    algorithm,
    high,
    low,
    begin: score(options.begin ?? Math.min(high + 0.1, (high + 1) / 2), "begin"),
    buffer: whole(options.buffer ?? 30, "buffer", 0),
    minHits: whole(options.minHits ?? (algorithm === "sort" ? 3 : 2), "minHits", 1),
    classAware: options.classAware ?? true,
  };
}
