/** Counts tracked objects that cross a line, by direction and class. */

import { OptionError } from "../../errors.js";
import type { Figure } from "../../image/draw/figures.js";
import { type Point, sideOf } from "../geometry.js";
import {
  anchorOf,
  type ClassCounts,
  type CountOptions,
  type FrameTime,
  type ResolvedCountOptions,
  resolveCountOptions,
  sizeOf,
  Tally,
  type TrackedBox,
} from "./tracked.js";

/** An object crossed a line. */
export interface LineEvent extends FrameTime {
  readonly event: "line";
  /** The line's name. */
  readonly line: string;
  readonly direction: "in" | "out";
  readonly track: number;
  readonly class: number;
  readonly name: string;
}

/** The counts of a line. */
export interface LineCounts {
  readonly name: string;
  readonly in: ClassCounts;
  readonly out: ClassCounts;
}

interface Crosser {
  /** Where it was last seen. */
  at: Point;
  /** The last side where it was farther away than the margin: −1 left, 1 right, 0 none yet. */
  side: number;
  /** Crossings since then: to the right minus to the left. */
  net: number;
  age: number;
  seen: number;
}

/** Frames after which an object that is not seen is forgotten. Trackers never use an ID again. */
const FORGET = 1000;

/**
 * Counts objects that cross the line from one point to another. Looking from the first point to the second, crossing from left
 * to right is `in`, the other way is `out`. An object is counted if its path led between the two points and it is now on the other
 * side, farther from the line than the margin.
 * @example
 * import { LineCounter } from "yolov5-ts/solutions";
 * const door = new LineCounter([0, 300], [640, 300], { name: "door" });
 * for (const event of door.update([{ track: 3, xmin: 90, ymin: 80, xmax: 150, ymax: 260, class: 0, name: "person" }], { time: 0.1 })) {
 *   console.log(event.direction, event.name);
 * }
 */
export class LineCounter {
  readonly from: Point;
  readonly to: Point;
  readonly options: ResolvedCountOptions;
  private readonly crossers = new Map<number, Crosser>();
  private readonly inwards = new Tally();
  private readonly outwards = new Tally();
  private frames = 0;

  /** @throws OptionError for a line without length and for options out of range. */
  constructor(from: Point, to: Point, options: CountOptions = {}) {
    if (!(Math.hypot(to[0] - from[0], to[1] - from[1]) > 0)) {
      throw new OptionError(`line: needs two different points, got ${from.join(",")} and ${to.join(",")}`, {
        from,
        to,
      });
    }
    this.from = from;
    this.to = to;
    this.options = resolveCountOptions("line", options);
  }

  get name(): string {
    return this.options.name;
  }

  /** Objects per class name and direction. */
  get counts(): LineCounts {
    return { name: this.name, in: this.inwards.toJSON(), out: this.outwards.toJSON() };
  }

  /** All classes together. */
  get totals(): { readonly in: number; readonly out: number } {
    return { in: this.inwards.total, out: this.outwards.total };
  }

  /** For the option `figures` of `annotate`: the line, with an arrow to the `in` side. */
  get figure(): Figure {
    const { in: inwards, out } = this.totals;
    return { points: [...this.from, ...this.to], closed: false, label: `${this.name}: ${inwards} in, ${out} out` };
  }

  /**
   * Takes the boxes of the next frame. Call it for frames without boxes too.
   * @returns an event for each crossing.
   */
  update(boxes: readonly TrackedBox[], at: FrameTime = {}): LineEvent[] {
    this.frames++;
    const events: LineEvent[] = [];
    for (const box of boxes) {
      const { track } = box;
      if (track === undefined) continue;
      const direction = this.step(track, box);
      if (!direction) continue;
      (direction === "in" ? this.inwards : this.outwards).add(box.name);
      const { name, class: index } = box;
      const { time = this.frames, frame } = at;
      events.push({ event: "line", line: this.name, direction, track, class: index, name, time, frame });
    }
    for (const [id, { seen }] of this.crossers) if (this.frames - seen > FORGET) this.crossers.delete(id);
    return events;
  }

  /** Forgets objects and counts, for another video. */
  reset(): void {
    this.crossers.clear();
    this.inwards.clear();
    this.outwards.clear();
    this.frames = 0;
  }

  private step(id: number, box: TrackedBox): LineEvent["direction"] | undefined {
    const { anchor, margin, minAge } = this.options;
    const point = anchorOf(box, anchor);
    if (!Number.isFinite(point[0] + point[1])) return undefined;
    const distance = sideOf(point, this.from, this.to);
    const band = margin * sizeOf(box);
    // The side that an object comes from is known before the side that it goes to, because it has not jittered yet.
    const origin = Math.abs(distance) > band / 4 ? Math.sign(distance) : 0;
    const crosser = this.crossers.get(id) ?? { at: point, side: origin, net: 0, age: 0, seen: 0 };
    this.crossers.set(id, crosser);
    crosser.net += this.crossing(crosser.at, point);
    crosser.at = point;
    crosser.age++;
    crosser.seen = this.frames;
    if (Math.abs(distance) <= band) return undefined;
    const { side, net } = crosser;
    const now = Math.sign(distance);
    // Too young to count: the side that it came from is kept until it is old enough.
    if (side !== 0 && now !== side && crosser.age < minAge) return undefined;
    crosser.side = now;
    crosser.net = 0;
    if (side === 0 || now === side || net === 0) return undefined;
    return now > 0 ? "in" : "out";
  }

  /** 1 for a step from left to right between the two points, −1 for the other way, else 0. */
  private crossing(before: Point, after: Point): number {
    const [d0, d1] = [sideOf(before, this.from, this.to), sideOf(after, this.from, this.to)];
    if (d0 >= 0 === d1 >= 0) return 0;
    const share = d0 / (d0 - d1);
    const [x, y] = [before[0] + share * (after[0] - before[0]), before[1] + share * (after[1] - before[1])];
    const [dx, dy] = [this.to[0] - this.from[0], this.to[1] - this.from[1]];
    const along = ((x - this.from[0]) * dx + (y - this.from[1]) * dy) / (dx * dx + dy * dy);
    if (along < 0 || along > 1) return 0;
    return d1 >= 0 ? 1 : -1;
  }
}
