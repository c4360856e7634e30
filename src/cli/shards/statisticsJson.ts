/** The statistics of a `val` shard as JSON: numbers of the same kind as base64, little-endian, since there are millions. */

import type { ApDefinition } from "../../eval/metrics/averagePrecision.js";
import type { PictureMatches } from "../../eval/metrics/metrics.js";
import type { EvaluationStatistics } from "../../eval/statistics/tallies.js";
import type { Speed } from "../../yolov5/output/results.js";

interface MatchesJson {
  /** uint16 */
  readonly correct: string;
  /** float32 */
  readonly confidences: string;
  /** int32 */
  readonly classes: string;
  /** int32 */
  readonly labelClasses: string;
}

export interface StatisticsJson {
  readonly pictures: number;
  readonly boxes: MatchesJson;
  readonly masks?: MatchesJson;
  readonly keypoints?: MatchesJson;
  readonly classes: number;
  /** float64 */
  readonly confusion: string;
  readonly ms: Speed;
  readonly averagePrecision?: ApDefinition;
}

export function statisticsToJson(statistics: EvaluationStatistics): StatisticsJson {
  const { pictures, boxes, masks, poses, classes, confusion, ms, averagePrecision } = statistics;
  return {
    pictures,
    boxes: matchesToJson(boxes),
    ...(masks ? { masks: matchesToJson(masks) } : {}),
    ...(poses ? { keypoints: matchesToJson(poses) } : {}),
    classes,
    confusion: base64(confusion),
    ms,
    ...(averagePrecision === undefined ? {} : { averagePrecision }),
  };
}

/** The largest number of classes that a model may have. */
const MOST_CLASSES = 65_536;

/** @throws RangeError, TypeError for anything that `statisticsToJson` did not write. */
export function statisticsFromJson(json: StatisticsJson): EvaluationStatistics {
  const { pictures, boxes, masks, keypoints, classes, confusion, ms, averagePrecision } = json;
  check(Number.isSafeInteger(pictures) && pictures >= 0);
  check(Number.isSafeInteger(classes) && classes >= 0 && classes <= MOST_CLASSES);
  const counts = new Float64Array(bytesOf(confusion));
  check(counts.length === (classes + 1) ** 2);
  return {
    pictures,
    boxes: matchesFromJson(boxes, classes),
    masks: masks && matchesFromJson(masks, classes),
    poses: keypoints && matchesFromJson(keypoints, classes),
    classes,
    confusion: counts,
    ms,
    averagePrecision,
  };
}

function check(holds: boolean): void {
  if (!holds) throw new RangeError("the statistics contradict each other");
}

function matchesToJson({ correct, confidences, classes, labelClasses }: PictureMatches): MatchesJson {
  return {
    correct: base64(correct),
    confidences: base64(confidences),
    classes: base64(classes),
    labelClasses: base64(Int32Array.from(labelClasses)),
  };
}

function matchesFromJson(json: MatchesJson, classes: number): PictureMatches {
  const matches = {
    correct: new Uint16Array(bytesOf(json.correct)),
    confidences: new Float32Array(bytesOf(json.confidences)),
    classes: new Int32Array(bytesOf(json.classes)),
    labelClasses: new Int32Array(bytesOf(json.labelClasses)),
  };
  const { length } = matches.correct;
  check(matches.confidences.length === length && matches.classes.length === length);
  for (const own of [matches.classes, matches.labelClasses]) check(own.every((c) => c >= 0 && c < classes));
  return matches;
}

function base64({ buffer, byteOffset, byteLength }: ArrayBufferView): string {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength).toString("base64");
}

/** In separate memory, so that numbers of any size are aligned. */
function bytesOf(text: string): ArrayBuffer {
  return Uint8Array.from(Buffer.from(text, "base64")).buffer;
}
