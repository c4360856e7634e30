/** Fills gaps in tracks: frames wait until it is known where their objects were. */

import { grownBy, type Xyxy } from "../../boxes.js";
import { OptionError } from "../../errors.js";

/** An object in a frame. */
export interface BridgedBox {
  readonly xyxy: Xyxy;
  /** Absent if the object is known in this frame only. */
  readonly track?: number | undefined;
  /**
   * Too uncertain to tell where the object ends, for example below the confidence of the results. Such a box keeps its track, and
   * what lies between the certain boxes before and after it is added to its frame.
   */
  readonly weak?: boolean | undefined;
}

/** Options of `TrackBridge`. */
export interface TrackBridgeOptions {
  /** Longest gap to bridge, in frames; use the tracker's `buffer`. Default 30. */
  readonly gap?: number | undefined;
  /** Number of frames before an object first appears, and after it last does, for which its box is added too. Default 5. */
  readonly hold?: number | undefined;
  /**
   * Maximum number of waiting frames. Beyond it, frames are returned early, with the tracker's estimates for lost objects. 0 returns
   * every frame at once, for live sources. Default: as many as `gap` and `hold` need.
   */
  readonly most?: number | undefined;
}

/** A frame that waited, with additional boxes. */
export interface BridgedFrame<T> {
  readonly frame: T;
  /** Positions of objects that were detected before or after this frame, but not in it, or only weakly. */
  readonly added: readonly Xyxy[];
}

interface Waiting<T> extends BridgedFrame<T> {
  readonly index: number;
  readonly added: Xyxy[];
  readonly lost: readonly Xyxy[];
}

interface Seen {
  readonly index: number;
  readonly xyxy: Xyxy;
}

/** A tracked object. */
interface SeenTrack extends Seen {
  /** Its last box that was not weak. */
  readonly sure: Seen;
}

/** The further from a frame in which an object was seen, the less certain its position: growth per frame, and its maximum. */
const GROWTH = 0.02;
const MOST_GROWTH = 0.3;

/**
 * Fills the gaps in tracks, frame by frame: between two detections of an object, its box moves in a straight line.
 * Frames wait only while a lost object may come back.
 * @example
 * import { TrackBridge } from "yolov5-ts/solutions";
 *
 * const tracker = new Tracker();
 * const bridge = new TrackBridge<RgbImage>();
 * for await (const frame of readVideo("street.mp4")) {
 *   const { detections } = trackResult(tracker, await model.detect(frame, { conf: 0.1 }), 0.25);
 *   const boxes = detections.map(({ xmin, ymin, xmax, ymax, track, confidence }) => {
 *     return { xyxy: [xmin, ymin, xmax, ymax] as const, track, weak: confidence <= 0.25 };
 *   });
 *   for (const ready of bridge.push(frame, boxes, tracker.lost)) console.log(ready.added);
 * }
 */
export class TrackBridge<T> {
  private readonly gap: number;
  private readonly hold: number;
  private readonly most: number;
  private waiting: Waiting<T>[] = [];
  private readonly tracks = new Map<number, SeenTrack>();
  private untracked: Seen[] = [];
  private next = 0;

  /** @throws OptionError with the option and its value. */
  constructor({ gap = 30, hold = 5, most = Number.POSITIVE_INFINITY }: TrackBridgeOptions = {}) {
    this.gap = whole(gap, "gap");
    this.hold = whole(hold, "hold");
    this.most = most === Number.POSITIVE_INFINITY ? most : whole(most, "most");
  }

  /**
   * Takes the next frame.
   * @param boxes its detections.
   * @param lost the tracker's estimates for objects that it did not see: `tracker.lost`.
   * @returns the frames that need not wait any longer, in order.
   */
  push(frame: T, boxes: readonly BridgedBox[], lost: readonly BridgedBox[] = []): BridgedFrame<T>[] {
    const index = this.next++;
    const own: Waiting<T> = { index, frame, added: [], lost: lost.map(({ xyxy }) => xyxy) };
    this.waiting.push(own);
    for (const box of boxes) this.join(box, index);
    this.holdOn(own);
    this.forget(index);
    return this.release(index);
  }

  /** The frames that are still waiting, once there are no more. */
  end(): BridgedFrame<T>[] {
    const rest = this.waiting;
    this.waiting = [];
    this.tracks.clear();
    this.untracked = [];
    return rest;
  }

  /** Adds boxes to the frames between a detected box and the previous one. */
  private join({ xyxy, track, weak = false }: BridgedBox, index: number): void {
    const last = track === undefined ? undefined : this.tracks.get(track);
    const own: Seen = { index, xyxy };
    if (!last) {
      for (let at = Math.max(index - this.hold, 0); at < index; at++) this.add(at, growing(xyxy, index - at));
    } else {
      this.fill(last, own);
      // Weak boxes in between may have shown a part of the object only.
      if (!weak && last.sure.index < last.index) this.fill(last.sure, own);
    }
    if (track === undefined) this.untracked.push(own);
    else this.tracks.set(track, { ...own, sure: weak && last ? last.sure : own });
  }

  private fill(from: Seen, to: Seen): void {
    for (let at = from.index + 1; at < to.index; at++) {
      this.add(at, between(from.xyxy, to.xyxy, at - from.index, to.index - at));
    }
  }

  /** Adds the boxes of objects that have just disappeared, or become weak. */
  private holdOn({ index, added }: Waiting<T>): void {
    for (const { xyxy, index: last, sure } of this.tracks.values()) {
      this.addHeld(added, xyxy, index - last);
      if (sure.index < last) this.addHeld(added, sure.xyxy, index - sure.index);
    }
    for (const seen of this.untracked) this.addHeld(added, seen.xyxy, index - seen.index);
  }

  private addHeld(added: Xyxy[], xyxy: Xyxy, since: number): void {
    if (since > 0 && since <= this.hold) added.push(growing(xyxy, since));
  }

  private add(index: number, xyxy: Xyxy): void {
    const [oldest] = this.waiting;
    // Undefined for a frame that has already been returned.
    this.waiting[index - oldest.index]?.added.push(xyxy);
  }

  /** Drops objects that cannot come back. */
  private forget(index: number): void {
    const keep = Math.max(this.gap, this.hold);
    for (const [id, seen] of this.tracks) if (index - seen.index > keep) this.tracks.delete(id);
    this.untracked = this.untracked.filter((seen) => index - seen.index < this.hold);
  }

  private release(index: number): BridgedFrame<T>[] {
    const open = [...this.tracks.values()]
      .flatMap((seen) => [seen.index, seen.sure.index])
      .filter((last) => index - last <= this.gap);
    // Frames after the last sight of an object that may come back have to wait.
    const until = Math.min(index - this.hold, ...open);
    const ready: BridgedFrame<T>[] = [];
    for (let oldest = this.waiting.at(0); oldest; oldest = this.waiting.at(0)) {
      const early = oldest.index > until;
      if (early && this.waiting.length <= this.most) break;
      this.waiting.shift();
      if (early) oldest.added.push(...oldest.lost);
      ready.push(oldest);
    }
    return ready;
  }
}

function whole(value: number, name: string): number {
  if (Number.isInteger(value) && value >= 0) return value;
  throw new OptionError(`track bridge: ${name} must be a whole number of at least 0, got ${value}`, { [name]: value });
}

/** The box `before` frames after `a` and `after` frames before `b`. */
function between(a: Xyxy, b: Xyxy, before: number, after: number): Xyxy {
  const part = before / (before + after);
  const mix = (i: 0 | 1 | 2 | 3): number => a[i] + (b[i] - a[i]) * part;
  return growing([mix(0), mix(1), mix(2), mix(3)], Math.min(before, after));
}

/** Further from a frame in which it was seen, an object may be further away. */
const growing = (box: Xyxy, frames: number): Xyxy => grownBy(box, Math.min(GROWTH * frames, MOST_GROWTH));
