/** IDs and trails for the frames of a video or camera. */

import { type Result, type Thresholds, Tracker, type Trail, Trails, trackResult, type Xyxy } from "yolov5-ts";

/** Minimum confidence of boxes that may continue a track. */
const WEAKEST = 0.1;

export class Following {
  private tracker = new Tracker();
  private readonly trails = new Trails();

  /** Options for the network, so that partly hidden objects are tracked too. */
  thresholds(shown: Thresholds): Thresholds {
    return { ...shown, conf: Math.min(shown.conf ?? WEAKEST, WEAKEST) };
  }

  /** @param conf minimum confidence to show a box without an ID, and to start a new track. */
  follow(result: Result, conf: number): { readonly result: Result; readonly trails: readonly Trail[] } {
    if (this.tracker.options.high !== conf) this.restart(conf);
    const tracked = trackResult(this.tracker, result, conf);
    if (tracked.task === "classify") return { result: tracked, trails: [] };
    const seen = tracked.detections.flatMap(({ track, xmin, ymin, xmax, ymax }) =>
      track === undefined ? [] : [{ id: track, x: (xmin + xmax) / 2, y: (ymin + ymax) / 2 }],
    );
    return { result: tracked, trails: this.trails.update(seen) };
  }

  /** Where objects are thought to be that were not seen in the last frame. */
  get lost(): readonly Xyxy[] {
    return this.tracker.lost.map(({ xyxy }) => xyxy);
  }

  /** Starts over for another video: IDs restart at 1. */
  restart(conf: number): void {
    this.tracker = new Tracker({ high: conf, low: Math.min(WEAKEST, conf) });
    this.trails.reset();
  }
}
