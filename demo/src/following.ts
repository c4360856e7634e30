/** Ids and trails for the frames of a video or the camera. */

import { type Result, type Thresholds, Tracker, type Trail, Trails, trackResult } from "yolov5-ts";

/** Boxes down to this confidence may continue a track. */
const WEAKEST = 0.1;

export class Following {
  private tracker = new Tracker();
  private readonly trails = new Trails();

  /** What the network must be asked for, so that half hidden objects are followed too. */
  thresholds(shown: Thresholds): Thresholds {
    return { ...shown, conf: Math.min(shown.conf ?? WEAKEST, WEAKEST) };
  }

  /** @param conf of the boxes that are shown without an id, and above which ids begin */
  follow(result: Result, conf: number): { readonly result: Result; readonly trails: readonly Trail[] } {
    if (this.tracker.options.high !== conf) this.restart(conf);
    const tracked = trackResult(this.tracker, result, conf);
    if (tracked.task === "classify") return { result: tracked, trails: [] };
    const seen = tracked.detections.flatMap(({ track, xmin, ymin, xmax, ymax }) =>
      track === undefined ? [] : [{ id: track, x: (xmin + xmax) / 2, y: (ymin + ymax) / 2 }],
    );
    return { result: tracked, trails: this.trails.update(seen) };
  }

  /** For another video: ids begin at 1. */
  restart(conf: number): void {
    this.tracker = new Tracker({ high: conf, low: Math.min(WEAKEST, conf) });
    this.trails.reset();
  }
}
