/** The input of lines, zones, heat maps and speeds: the boxes of a frame, and its time. */

import { OptionError } from "../../errors.js";
import type { Point } from "../geometry.js";

/** A box in pixels, for example a `Detection` with the ID of its track. */
export interface TrackedBox {
  readonly xmin: number;
  readonly ymin: number;
  readonly xmax: number;
  readonly ymax: number;
  readonly class: number;
  readonly name: string;
  /** Boxes without one are not counted. */
  readonly track?: number | undefined;
}

/** The time of a frame. */
export interface FrameTime {
  /** In seconds. Default: the number of frames so far, so times are in frames. */
  readonly time?: number | undefined;
  readonly frame?: number | undefined;
}

/** The point of a box that stands for its object: the centre, or the middle of the lower edge, where people and cars touch the ground. */
export type Anchor = "centre" | "feet";
export const ANCHORS: readonly Anchor[] = ["centre", "feet"];

export function anchorOf({ xmin, ymin, xmax, ymax }: TrackedBox, anchor: Anchor): Point {
  return [(xmin + xmax) / 2, anchor === "feet" ? ymax : (ymin + ymax) / 2];
}

/** A box's size: the side of a square of its area. */
export const sizeOf = ({ xmin, ymin, xmax, ymax }: TrackedBox): number =>
  Math.sqrt(Math.max(xmax - xmin, 0) * Math.max(ymax - ymin, 0));

/** How far and how long an object must be on one side before it counts. */
export interface CountOptions {
  /** For events and drawing. */
  readonly name?: string | undefined;
  /** Default `centre`. */
  readonly anchor?: Anchor | undefined;
  /**
   * How far from the border an object must be to count as on one side, as a fraction of its box's size (the square root of its area).
   * Jitter closer to the border changes nothing. Default 0.1.
   */
  readonly margin?: number | undefined;
  /** Frames in which an object must have been seen before it counts. Default 3. */
  readonly minAge?: number | undefined;
}

/** `CountOptions` with their defaults. */
export interface ResolvedCountOptions {
  readonly name: string;
  readonly anchor: Anchor;
  readonly margin: number;
  readonly minAge: number;
}

/** @throws OptionError with the option and its value. */
export function resolveCountOptions(what: string, options: CountOptions): ResolvedCountOptions {
  const { name = what, anchor = "centre", margin = 0.1, minAge = 3 } = options;
  if (!ANCHORS.includes(anchor)) {
    throw new OptionError(`${what}: anchor must be ${ANCHORS.join(" or ")}, got ${String(anchor)}`, { anchor });
  }
  if (!(margin >= 0 && margin <= 10)) {
    throw new OptionError(`${what}: margin must be between 0 and 10 box sizes, got ${margin}`, { margin });
  }
  if (!Number.isInteger(minAge) || minAge < 1) {
    throw new OptionError(`${what}: minAge must be a whole number of at least 1, got ${minAge}`, { minAge });
  }
  return { name, anchor, margin, minAge };
}

/** Objects per class name. */
export type ClassCounts = Readonly<Record<string, number>>;

/** Counts by class name. Class names are untrusted and may be `constructor`. */
export class Tally {
  private readonly counts = new Map<string, number>();

  add(name: string, by = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + by);
  }

  get total(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  clear(): void {
    this.counts.clear();
  }

  toJSON(): ClassCounts {
    return Object.fromEntries([...this.counts].filter(([, count]) => count > 0));
  }
}

/** Seconds to a millionth, as the times of frames are: differences and means have no more digits that mean something. */
export const wholeMicroseconds = (seconds: number): number => Math.round(seconds * 1e6) / 1e6;
