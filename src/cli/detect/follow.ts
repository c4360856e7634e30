/** `--track`: IDs and trails for the frames of a video, or for pictures in order. */

import { Tracker, type Trail, Trails } from "../../tracking/index.js";
import type { Result } from "../../yolov5/model.js";
import { trackResult } from "../../yolov5/output/trackResult.js";
import type { DetectFlags } from "../options/flags.js";

/** Minimum confidence of boxes that may continue a track (ByteTrack's second association). */
const WEAKEST = 0.1;

export interface Followed {
  readonly result: Result;
  readonly trails: readonly Trail[];
}

export class Follower {
  /** Options for the network. */
  readonly networkConf: number;
  private readonly conf: number;
  private readonly tracker: Tracker;
  private readonly trails: Trails;
  private total = 0;

  constructor({ track, confThres, trackBuffer, trackAcrossClasses }: DetectFlags) {
    this.conf = confThres;
    this.networkConf = track === "bytetrack" ? Math.min(WEAKEST, confThres) : confThres;
    this.tracker = new Tracker({
      algorithm: track,
      high: confThres,
      low: this.networkConf,
      buffer: trackBuffer,
      classAware: !trackAcrossClasses,
    });
    this.trails = new Trails(40, trackBuffer);
  }

  /** IDs assigned in the current video or sequence of pictures. */
  get count(): number {
    return this.tracker.count;
  }

  /** IDs assigned in the whole run. */
  get runTotal(): number {
    return this.total + this.tracker.count;
  }

  /** Starts over for the next video. */
  restart(): void {
    this.total += this.tracker.count;
    this.tracker.reset();
    this.trails.reset();
  }

  follow(plain: Result): Followed {
    const result = trackResult(this.tracker, plain, this.conf);
    if (result.task === "classify") return { result, trails: [] };
    const tracked = result.detections.flatMap(({ track, xmin, ymin, xmax, ymax }) =>
      track === undefined ? [] : [{ id: track, x: (xmin + xmax) / 2, y: (ymin + ymax) / 2 }],
    );
    return { result, trails: this.trails.update(tracked) };
  }
}
