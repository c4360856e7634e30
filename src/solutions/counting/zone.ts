/** Objects in a polygon, those that enter and leave, and how long they stay. */

import { OptionError } from "../../errors.js";
import type { Figure } from "../../image/draw/figures.js";
import { contains, distanceToOutline, type Point, polygonProblem } from "../geometry.js";
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
  wholeMicroseconds,
} from "./tracked.js";

/** An object entered or left a zone. */
export interface ZoneEvent extends FrameTime {
  readonly event: "enter" | "exit";
  /** The zone's name. */
  readonly zone: string;
  readonly track: number;
  readonly class: number;
  readonly name: string;
  /** True if it did not cross the outline: it was first seen inside, or not seen again. */
  readonly unseen?: true;
  /** For an exit: how long it was inside, in seconds. */
  readonly dwell?: number;
}

/** The counts of a zone. */
export interface ZoneCounts {
  readonly name: string;
  /** Inside now. */
  readonly occupancy: ClassCounts;
  /** Maximum number inside at one time, all classes together. */
  readonly most: number;
  /** Objects that entered, or were first seen inside. */
  readonly entries: ClassCounts;
  /** Objects that left, or were not seen again. */
  readonly exits: ClassCounts;
  /** How long objects stayed, in seconds; for those still inside, until now. Absent if there were none. */
  readonly dwell?: { readonly mean: number; readonly longest: number; readonly total: number };
}

/** To a microsecond, without the noise of sums and differences. */
export function dwellOf(total: number, count: number, longest: number): NonNullable<ZoneCounts["dwell"]> {
  return {
    mean: wholeMicroseconds(total / count),
    longest: wholeMicroseconds(longest),
    total: wholeMicroseconds(total),
  };
}

/** Options of `Zone`. */
export interface ZoneOptions extends CountOptions {
  /** Frames after which an unseen object counts as having left; use the tracker's `buffer`. Default 30. */
  readonly patience?: number | undefined;
}

interface Visitor {
  inside: boolean | undefined;
  /** When it came in. */
  since: number;
  /** When it was last seen: its frame, the number of that update, its time. */
  last: FrameTime;
  seen: number;
  time: number;
  age: number;
  name: string;
  class: number;
}

/**
 * A polygon that counts tracked objects. An object counts as inside or outside if it is farther from the outline than the margin.
 * Entries minus exits always equal the occupancy.
 */
export class Zone {
  readonly points: readonly Point[];
  readonly options: ResolvedCountOptions & { readonly patience: number };
  private readonly visitors = new Map<number, Visitor>();
  private readonly entered = new Tally();
  private readonly left = new Tally();
  private readonly inside = new Tally();
  private most = 0;
  private stays = { count: 0, total: 0, longest: 0 };
  private frames = 0;

  /** @throws OptionError for fewer than three points, an outline without area or that crosses itself, options out of range. */
  constructor(points: readonly Point[], options: ZoneOptions = {}) {
    if (points.length < 3 || !points.flat().every(Number.isFinite)) {
      throw new OptionError(`zone: needs three points or more, got ${points.length}`, { points });
    }
    const problem = polygonProblem(points);
    if (problem !== undefined) {
      throw new OptionError(`zone: ${problem}; give its corners in their order around it`, { points });
    }
    const { patience = 30 } = options;
    if (!Number.isInteger(patience) || patience < 0) {
      throw new OptionError(`zone: patience must be a whole number of frames, got ${patience}`, { patience });
    }
    this.points = points;
    this.options = { ...resolveCountOptions("zone", options), patience };
  }

  get name(): string {
    return this.options.name;
  }

  get counts(): ZoneCounts {
    const now = [...this.visitors.values()].filter(({ inside }) => inside === true);
    const stays = now.map(({ since, time }) => time - since);
    const count = this.stays.count + stays.length;
    const total = this.stays.total + stays.reduce((sum, stay) => sum + stay, 0);
    const longest = Math.max(this.stays.longest, ...stays);
    return {
      name: this.name,
      occupancy: this.inside.toJSON(),
      most: this.most,
      entries: this.entered.toJSON(),
      exits: this.left.toJSON(),
      ...(count === 0 ? {} : { dwell: dwellOf(total, count, longest) }),
    };
  }

  /** All classes together. */
  get totals(): { readonly occupancy: number; readonly entries: number; readonly exits: number } {
    return { occupancy: this.inside.total, entries: this.entered.total, exits: this.left.total };
  }

  /** For the option `figures` of `annotate`. */
  get figure(): Figure {
    return { points: this.points.flat(), closed: true, label: `${this.name}: ${this.totals.occupancy}` };
  }

  /**
   * Takes the boxes of the next frame. Call it for frames without boxes too.
   * @returns an event for each object that entered or left.
   */
  update(boxes: readonly TrackedBox[], at: FrameTime = {}): ZoneEvent[] {
    this.frames++;
    const when = { ...at, time: at.time ?? this.frames };
    const events: ZoneEvent[] = [];
    for (const box of boxes) {
      if (box.track !== undefined) events.push(...this.step(box.track, box, when));
    }
    for (const [id, visitor] of this.visitors) {
      if (this.frames - visitor.seen <= this.options.patience) continue;
      this.visitors.delete(id);
      if (visitor.inside) events.push({ ...this.exit(id, visitor, visitor.last), unseen: true });
    }
    this.most = Math.max(this.most, this.inside.total);
    return events;
  }

  /** Forgets objects and counts, for another video. */
  reset(): void {
    this.visitors.clear();
    for (const tally of [this.entered, this.left, this.inside]) tally.clear();
    this.stays = { count: 0, total: 0, longest: 0 };
    this.most = 0;
    this.frames = 0;
  }

  private step(id: number, box: TrackedBox, when: FrameTime & { readonly time: number }): ZoneEvent[] {
    const point = anchorOf(box, this.options.anchor);
    if (!Number.isFinite(point[0] + point[1])) return [];
    const { name, class: index } = box;
    const visitor: Visitor = this.visitors.get(id) ?? {
      ...{ inside: undefined, since: when.time, last: when, seen: 0, time: when.time, age: 0, name, class: index },
    };
    this.visitors.set(id, visitor);
    Object.assign(visitor, { last: when, seen: this.frames, time: when.time, age: visitor.age + 1 });
    if (visitor.age < this.options.minAge) return [];
    const before = visitor.inside;
    const within = contains(this.points, point);
    const sure = distanceToOutline(this.points, point) > this.options.margin * sizeOf(box);
    if (before === within || (before !== undefined && !sure)) return [];
    visitor.inside = within;
    if (!within) return before === undefined ? [] : [this.exit(id, visitor, when)];
    // One that was young until now has been inside since it was first seen.
    if (before !== undefined) visitor.since = when.time;
    Object.assign(visitor, { name, class: index });
    this.entered.add(name);
    this.inside.add(name);
    const event = { event: "enter", zone: this.name, track: id, class: index, name, ...when } as const;
    return [before === undefined ? { ...event, unseen: true } : event];
  }

  private exit(track: number, visitor: Visitor, when: FrameTime): ZoneEvent {
    const { name, class: index, since, time } = visitor;
    const dwell = wholeMicroseconds(time - since);
    this.left.add(name);
    this.inside.add(name, -1);
    this.stays.count++;
    this.stays.total += dwell;
    this.stays.longest = Math.max(this.stays.longest, dwell);
    return { event: "exit", zone: this.name, track, class: index, name, ...when, dwell };
  }
}
