/** `--track`: ids and trails for the frames of a video, or for pictures in their order. */

import { Tracker, type Trail, Trails } from "../../tracking/index.js";
import type { Result } from "../../yolov5/model.js";
import { trackResult } from "../../yolov5/output/trackResult.js";
import type { DetectFlags } from "../options/flags.js";

/** Boxes down to this confidence may continue a track (ByteTrack's second round). */
const WEAKEST = 0.1;

export interface Followed {
  readonly result: Result;
  readonly trails: readonly Trail[];
}

export class Follower {
  /** What the network is asked for. */
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

  /** Ids given in the present video or row of pictures. */
  get count(): number {
    return this.tracker.count;
  }

  /** Ids given in the whole run. */
  get runTotal(): number {
    return this.total + this.tracker.count;
  }

  /** For the next video. */
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
