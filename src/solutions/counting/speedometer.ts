/** How fast tracked objects move on the ground. */

import { OptionError } from "../../errors.js";
import type { Point } from "../geometry.js";
import { Homography } from "./homography.js";
import { type Anchor, anchorOf, type FrameTime, type TrackedBox } from "./tracked.js";

/** Options of `Speedometer`. */
export interface SpeedometerOptions {
  /** Four points of the picture: the corners of a rectangle on the ground, in order. */
  readonly corners: readonly Point[];
  /** Its size in any unit: from the first corner to the second, and from the second to the third. */
  readonly size: readonly [number, number];
  /** Seconds over which a speed is measured. Default 1. */
  readonly seconds?: number | undefined;
  /** Default `feet`, which are on the ground. */
  readonly anchor?: Anchor | undefined;
}

interface Path {
  readonly times: number[];
  readonly points: Point[];
}

/** Minimum part of `seconds` that a path must last. */
const LEAST_PART = 0.5;

/** Measures speeds with a homography: pixels of the picture → positions on the ground → distance per second. */
export class Speedometer {
  private readonly ground: Homography;
  private readonly seconds: number;
  private readonly anchor: Anchor;
  private readonly paths = new Map<number, Path>();

  /** @throws OptionError for corners that do not form a quadrangle, and sizes that are not above 0. */
  constructor({ corners, size, seconds = 1, anchor = "feet" }: SpeedometerOptions) {
    const [width, height] = size;
    if (!(width > 0 && height > 0 && seconds > 0)) {
      throw new OptionError(`speed: sizes and seconds must be above 0, got ${width}×${height}, ${seconds} s`);
    }
    this.ground = new Homography(corners, [
      [0, 0],
      [width, 0],
      [width, height],
      [0, height],
    ]);
    this.seconds = seconds;
    this.anchor = anchor;
  }

  /**
   * Takes the boxes of the next frame.
   * @param at the frame's time in seconds is required.
   * @returns units per second by track, for objects seen long enough: the slope of the straight line that fits their last positions
   * best.
   * @throws OptionError without a time.
   */
  update(boxes: readonly TrackedBox[], { time }: FrameTime): Map<number, number> {
    if (time === undefined) throw new OptionError("speed: frames need a time in seconds; give videos");
    const speeds = new Map<number, number>();
    for (const box of boxes) {
      const { track } = box;
      if (track === undefined) continue;
      const point = this.ground.apply(anchorOf(box, this.anchor));
      if (!Number.isFinite(point[0] + point[1])) continue;
      const path = this.paths.get(track) ?? { times: [], points: [] };
      this.paths.set(track, path);
      path.times.push(time);
      path.points.push(point);
      while (path.times.length > 0 && time - path.times[0] > this.seconds) {
        path.times.shift();
        path.points.shift();
      }
      const speed = this.speedOf(path);
      if (speed !== undefined) speeds.set(track, speed);
    }
    // An object that was out of sight for longer starts anew.
    for (const [id, { times }] of this.paths) {
      if (time - (times.at(-1) ?? 0) > this.seconds) this.paths.delete(id);
    }
    return speeds;
  }

  /** Forgets all objects. */
  reset(): void {
    this.paths.clear();
  }

  private speedOf({ times, points }: Path): number | undefined {
    const count = times.length;
    if (count < 3 || times[count - 1] - times[0] < this.seconds * LEAST_PART) return undefined;
    const mean = times.reduce((sum, t) => sum + t, 0) / count;
    const spread = times.reduce((sum, t) => sum + (t - mean) ** 2, 0);
    const slope = (axis: 0 | 1): number =>
      points.reduce((sum, point, i) => sum + (times[i] - mean) * point[axis], 0) / spread;
    return Math.hypot(slope(0), slope(1));
  }
}
