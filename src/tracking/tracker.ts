/**
 * Boxes frame by frame → tracks with persistent IDs. Works on boxes, scores and classes, wherever they come from.
 *
 * `bytetrack`: Zhang et al., "ByteTrack: Multi-Object Tracking by Associating Every Detection Box" (ECCV 2022).
 * `sort`: after Bewley et al., "Simple Online and Realtime Tracking" (ICIP 2016), with the same motion model.
 */

import { iouOf, type Xyxy } from "../boxes.js";
import { OptionError } from "../errors.js";
import { type Assignment, assign } from "./assign.js";
import { BoxFilter } from "./kalman.js";
import { type ResolvedTrackerOptions, resolveTrackerOptions, type TrackerOptions } from "./options.js";

/** One detected box. */
export interface TrackerBox {
  readonly xyxy: Xyxy;
  /** 0 to 1. */
  readonly score: number;
  /** Default 0. */
  readonly class?: number | undefined;
}

/** One object in the current frame. */
export interface Track {
  /** 1, 2, 3, … in the order of confirmation; never reused. */
  readonly id: number;
  /** The motion model's estimate, in pixels. */
  readonly xyxy: Xyxy;
  /** Score of its last box. */
  readonly score: number;
  readonly class: number;
  /** Index of its box in the argument of `update`; undefined for a lost track. */
  readonly box: number | undefined;
  /** Number of frames in which it was seen. */
  readonly hits: number;
  /** Frames since it was last seen: 0, or more for a lost track. */
  readonly missed: number;
}

/** Cost limits for a match (1 − IoU, in the first round 1 − IoU × score), as in ByteTrack's own settings. */
const FIRST_LIMIT = 0.8;
const WEAK_LIMIT = 0.5;
const NEW_LIMIT = 0.7;
/** SORT's minimum IoU is 0.3. */
const SORT_LIMIT = 0.7;
/** Tracks that overlap more than this are the same object. */
const DUPLICATE_IOU = 0.85;

interface Entry {
  /** 0 until it is confirmed. */
  id: number;
  readonly filter: BoxFilter;
  readonly born: number;
  score: number;
  class: number;
  hits: number;
  lastSeen: number;
  box: number | undefined;
}

/** Tracks objects from frame to frame: boxes in, tracks with IDs out. */
export class Tracker {
  readonly options: ResolvedTrackerOptions;
  private entries: Entry[] = [];
  private frame = 0;
  private lastId = 0;

  /** @throws OptionError with the option and its value. */
  constructor(options: TrackerOptions = {}) {
    this.options = resolveTrackerOptions(options);
  }

  /** Number of IDs assigned so far. */
  get count(): number {
    return this.lastId;
  }

  /** Confirmed tracks not seen in the current frame, at the motion model's estimate. */
  get lost(): Track[] {
    return this.entries.filter((entry) => entry.id > 0 && entry.box === undefined).map((entry) => this.view(entry));
  }

  /** Forgets all tracks, for another video; IDs restart at 1. */
  reset(): void {
    this.entries = [];
    this.frame = 0;
    this.lastId = 0;
  }

  /**
   * Processes the boxes of the next frame. Call it for frames without boxes too.
   * @returns the confirmed tracks seen in this frame, by ID.
   * @throws OptionError for boxes that are not numbers.
   */
  update(boxes: readonly TrackerBox[]): Track[] {
    const usable = usableBoxes(boxes);
    this.frame++;
    for (const entry of this.entries) {
      entry.filter.predict(entry.lastSeen < this.frame - 1);
      entry.box = undefined;
    }
    const { high, low, begin, algorithm } = this.options;
    const strong = usable.filter((i) => boxes[i].score >= high);
    const weak = usable.filter((i) => boxes[i].score >= low && boxes[i].score < high);
    const left = algorithm === "sort" ? this.matchOnce(boxes, strong) : this.matchTwice(boxes, strong, weak);
    // An unconfirmed track that is not seen again was a false detection; a confirmed one is remembered for a while.
    this.entries = this.entries.filter(
      ({ id, lastSeen }) => lastSeen === this.frame || (id > 0 && this.frame - lastSeen <= this.options.buffer),
    );
    for (const i of left) if (boxes[i].score >= begin) this.entries.push(this.begin(boxes[i], i));
    for (const entry of this.entries) this.confirm(entry);
    this.dropDuplicates();
    return this.entries
      .filter(({ id, box }) => id > 0 && box !== undefined)
      .map((entry) => this.view(entry))
      .sort((a, b) => a.id - b.id);
  }

  /** SORT: all tracks and all strong boxes in one round. */
  private matchOnce(boxes: readonly TrackerBox[], strong: readonly number[]): readonly number[] {
    return this.match(this.entries, boxes, strong, SORT_LIMIT, false).boxes;
  }

  /** ByteTrack: strong boxes with seen and lost tracks; weak ones with tracks just seen; the rest with new tracks. */
  private matchTwice(
    boxes: readonly TrackerBox[],
    strong: readonly number[],
    weak: readonly number[],
  ): readonly number[] {
    const confirmed = this.entries.filter(({ id }) => id > 0);
    const fresh = this.entries.filter(({ id }) => id === 0);
    const first = this.match(confirmed, boxes, strong, FIRST_LIMIT, true);
    // A weak box is not enough evidence that a lost object is back.
    const justSeen = first.entries.filter(({ lastSeen }) => lastSeen === this.frame - 1);
    this.match(justSeen, boxes, weak, WEAK_LIMIT, false);
    return this.match(fresh, boxes, first.boxes, NEW_LIMIT, true).boxes;
  }

  /** Matches and updates; returns the unmatched boxes and tracks. */
  private match(
    entries: readonly Entry[],
    boxes: readonly TrackerBox[],
    indices: readonly number[],
    limit: number,
    fuseScore: boolean,
  ): { readonly entries: readonly Entry[]; readonly boxes: readonly number[] } {
    const predicted = entries.map(({ filter }) => filter.xyxy);
    const { classAware } = this.options;
    const cost = (row: number, column: number): number => {
      const box = boxes[indices[column]];
      if (classAware && (box.class ?? 0) !== entries[row].class) return 1;
      const overlap = iouOf(predicted[row], box.xyxy);
      return 1 - (fuseScore ? overlap * box.score : overlap);
    };
    const found: Assignment = assign(entries.length, indices.length, cost, limit);
    for (const [row, column] of found.pairs) this.see(entries[row], boxes[indices[column]], indices[column]);
    return { entries: found.rows.map((row) => entries[row]), boxes: found.columns.map((column) => indices[column]) };
  }

  private see(entry: Entry, box: TrackerBox, index: number): void {
    entry.filter.update(box.xyxy);
    entry.score = box.score;
    entry.class = box.class ?? 0;
    entry.hits++;
    entry.lastSeen = this.frame;
    entry.box = index;
  }

  private begin(box: TrackerBox, index: number): Entry {
    const { frame } = this;
    const { score, class: classIndex = 0 } = box;
    const filter = new BoxFilter(box.xyxy);
    return { id: 0, filter, born: frame, score, class: classIndex, hits: 1, lastSeen: frame, box: index };
  }

  /** Objects in the very first frame are confirmed at once. */
  private confirm(entry: Entry): void {
    if (entry.id === 0 && (entry.hits >= this.options.minHits || entry.born === 1)) entry.id = ++this.lastId;
  }

  /** If a lost track and a seen one overlap, the older one stays. */
  private dropDuplicates(): void {
    const seen = this.entries.filter(({ id, box }) => id > 0 && box !== undefined);
    const lost = this.entries.filter(({ id, box }) => id > 0 && box === undefined);
    const dropped = new Set<Entry>();
    for (const a of seen) {
      for (const b of lost) {
        if (a.class !== b.class && this.options.classAware) continue;
        if (iouOf(a.filter.xyxy, b.filter.xyxy) <= DUPLICATE_IOU) continue;
        dropped.add(a.lastSeen - a.born > b.lastSeen - b.born ? b : a);
      }
    }
    if (dropped.size > 0) this.entries = this.entries.filter((entry) => !dropped.has(entry));
  }

  private view({ id, filter, score, class: classIndex, box, hits, lastSeen }: Entry): Track {
    return { id, xyxy: filter.xyxy, score, class: classIndex, box, hits, missed: this.frame - lastSeen };
  }
}

/** Indices of the non-empty boxes; an empty box cannot overlap anything. */
function usableBoxes(boxes: readonly TrackerBox[]): number[] {
  const usable: number[] = [];
  for (const [i, { xyxy, score }] of boxes.entries()) {
    if (!(xyxy.every(Number.isFinite) && Number.isFinite(score))) {
      throw new OptionError(
        `tracker: box ${i} has [${xyxy.join(", ")}] and score ${score}; all must be finite numbers`,
      );
    }
    if (xyxy[2] > xyxy[0] && xyxy[3] > xyxy[1]) usable.push(i);
  }
  return usable;
}
