/** Results with a tracker's IDs. */

import type { Track, Tracker } from "../../tracking/index.js";
import type { Result } from "../model.js";
import { changed, type Detection } from "./detections.js";
import { DetectionResult } from "./results.js";

/**
 * Passes the next frame's detections to a tracker and sets their IDs as `track`. Call it for every frame, in order.
 * @param tracker keeps the IDs; use one per video.
 * @param result of the frame. Run the network with a threshold as low as the tracker's `low` (`conf: 0.1`), so that
 * ByteTrack gets the weak boxes of partly hidden objects.
 * @param conf detections below this confidence are kept only if they have an ID. Default 0: all are kept.
 * @returns a new result; classifications are returned unchanged, since they have no boxes.
 * @example
 * const tracker = new Tracker();
 * for await (const result of model.stream(readVideo("street.mp4"), { conf: 0.1 })) {
 *   console.log(result.frame, trackResult(tracker, result, 0.25).detections);
 * }
 */
export function trackResult<R extends Result>(tracker: Tracker, result: R, conf?: number): R;
export function trackResult(tracker: Tracker, result: Result, conf = 0): Result {
  if (result.task === "classify") return result;
  if (result.task === "segment") return followed(tracker, result, conf);
  return result.task === "pose" ? followed(tracker, result, conf) : followed(tracker, result, conf);
}

function followed<D extends Detection, T extends "detect" | "segment" | "pose">(
  tracker: Tracker,
  result: DetectionResult<D, T>,
  conf: number,
): DetectionResult<D, T> {
  const { detections } = result;
  const ids = idsOf(
    tracker.update(
      detections.map(({ xmin, ymin, xmax, ymax, confidence, class: index }) => ({
        xyxy: [xmin, ymin, xmax, ymax],
        score: confidence,
        class: index,
      })),
    ),
  );
  const kept: D[] = [];
  for (const [i, detection] of detections.entries()) {
    const id = ids.get(i);
    if (id !== undefined) kept.push(changed(detection, { track: id }));
    else if (detection.confidence >= conf) kept.push(detection);
  }
  return new DetectionResult(result, kept, result.task);
}

function idsOf(tracks: readonly Track[]): Map<number, number> {
  return new Map(tracks.flatMap(({ box, id }) => (box === undefined ? [] : [[box, id] as const])));
}
