/** `--track`, and `--blur` for videos: IDs and trails for the frames of a video, or for pictures in order. */

import { type Track, Tracker, type Trail, Trails } from "../../tracking/index.js";
import type { Result } from "../../yolov5/model.js";
import { trackResult } from "../../yolov5/output/trackResult.js";
import type { DetectFlags } from "../options/flags.js";

/** Frames for which a lost object is remembered, by default. */
export const TRACK_BUFFER = 30;
/** Minimum confidence of boxes that may continue a track (ByteTrack's second association). */
const WEAKEST = 0.1;

export interface Followed {
  /** What is shown and written. */
  readonly result: Result;
  readonly trails: readonly Trail[];
  /** `result` with all IDs and weak boxes, even if IDs were not requested. */
  readonly tracked: Result;
  /** Positions of objects that were not seen in this frame. */
  readonly lost: readonly Track[];
}

export class Follower {
  /** Options for the network. */
  readonly networkConf: number;
  private readonly shown: boolean;
  private readonly conf: number;
  private readonly tracker: Tracker;
  private readonly trails: Trails;
  private total = 0;

  constructor({ track, confThres, trackBuffer = TRACK_BUFFER, trackAcrossClasses }: DetectFlags) {
    this.shown = track !== undefined;
    this.conf = confThres;
    this.networkConf = track === "sort" ? confThres : Math.min(WEAKEST, confThres);
    this.tracker = new Tracker({
      algorithm: track,
      high: confThres,
      low: this.networkConf,
      buffer: trackBuffer,
      classAware: !trackAcrossClasses,
    });
    this.trails = new Trails(40, trackBuffer);
  }

  /** IDs assigned in the current video or sequence of pictures; undefined if they were not requested. */
  get count(): number | undefined {
    return this.shown ? this.tracker.count : undefined;
  }

  /** IDs assigned in the whole run. */
  get runTotal(): number | undefined {
    return this.shown ? this.total + this.tracker.count : undefined;
  }

  /** Starts over for the next video. */
  restart(): void {
    this.total += this.tracker.count;
    this.tracker.reset();
    this.trails.reset();
  }

  /** The next frame of a video. */
  follow(plain: Result): Followed {
    const tracked = trackResult(this.tracker, plain, this.conf);
    const { lost } = this.tracker;
    if (!this.shown) return { result: this.picture(plain), trails: [], tracked, lost };
    if (tracked.task === "classify") return { result: tracked, trails: [], tracked, lost };
    const points = tracked.detections.flatMap(({ track, xmin, ymin, xmax, ymax }) =>
      track === undefined ? [] : [{ id: track, x: (xmin + xmax) / 2, y: (ymin + ymax) / 2 }],
    );
    return { result: tracked, trails: this.trails.update(points), tracked, lost };
  }

  /** A picture, which belongs to a sequence only if IDs were requested. */
  followPicture(plain: Result): Pick<Followed, "result" | "trails"> {
    return this.shown ? this.follow(plain) : { result: this.picture(plain), trails: [] };
  }

  /** Without the weak boxes that only a tracker needs. */
  private picture(plain: Result): Result {
    return plain.filter(({ confidence }: { readonly confidence: number }) => confidence > Math.fround(this.conf));
  }
}
