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

/** @throws RangeError, TypeError for what `statisticsToJson` did not write. */
export function statisticsFromJson(json: StatisticsJson): EvaluationStatistics {
  const { pictures, boxes, masks, keypoints, classes, confusion, ms, averagePrecision } = json;
  return {
    pictures,
    boxes: matchesFromJson(boxes),
    masks: masks && matchesFromJson(masks),
    poses: keypoints && matchesFromJson(keypoints),
    classes,
    confusion: new Float64Array(bytesOf(confusion)),
    ms,
    averagePrecision,
  };
}

function matchesToJson({ correct, confidences, classes, labelClasses }: PictureMatches): MatchesJson {
  return {
    correct: base64(correct),
    confidences: base64(confidences),
    classes: base64(classes),
    labelClasses: base64(Int32Array.from(labelClasses)),
  };
}

function matchesFromJson({ correct, confidences, classes, labelClasses }: MatchesJson): PictureMatches {
  return {
    correct: new Uint16Array(bytesOf(correct)),
    confidences: new Float32Array(bytesOf(confidences)),
    classes: new Int32Array(bytesOf(classes)),
    labelClasses: new Int32Array(bytesOf(labelClasses)),
  };
}

function base64({ buffer, byteOffset, byteLength }: ArrayBufferView): string {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength).toString("base64");
}

/** In memory of its own, so that numbers of any size are aligned. */
function bytesOf(text: string): ArrayBuffer {
  return Uint8Array.from(Buffer.from(text, "base64")).buffer;
}
