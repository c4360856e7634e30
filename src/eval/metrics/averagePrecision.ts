/**
 * Average precision from a precision-recall curve, by two definitions: YOLOv5 v7.0's (the area under the precision
 * envelope, sampled at 101 recalls) and COCO's (the mean of the envelope at 101 recalls, as pycocotools computes it).
 * They differ by a fraction of a percent. Source: T.-Y. Lin et al., "Microsoft COCO" (2014) and pycocotools' definition;
 * v7.0's behaviour reproduced from reference values.
 */

import { firstNotBelow, interpolate, linspace } from "./numeric.js";

/** Recalls at which AP is sampled: 0, 0.01, …, 1. */
const RECALL_POINTS: readonly number[] = Array.from(linspace(0, 1, 101));

/** The definition of average precision. */
export type ApDefinition = "yolov5" | "coco";

/** An average precision and the curve it was computed from. */
export interface AveragePrecision {
  readonly ap: number;
  /** The curve extended from recall 0 to recall 1. */
  readonly recall: Float64Array;
  /** Precision made non-increasing along recall. */
  readonly envelope: Float64Array;
}

/** The largest precision at this or any higher recall. */
export function precisionEnvelope(precision: ArrayLike<number>): Float64Array {
  const envelope = new Float64Array(precision);
  for (let i = envelope.length - 2; i >= 0; i--) envelope[i] = Math.max(envelope[i], envelope[i + 1]);
  return envelope;
}

/**
 * v7.0's AP: the curve begins at (recall 0, precision 1), ends at (1, 0), and its envelope is integrated by
 * trapezoids between 101 recalls. A perfect class therefore has 0.995.
 * @param recall after each detection, most confident first, non-decreasing.
 * @param precision at each recall.
 */
export function averagePrecision(recall: ArrayLike<number>, precision: ArrayLike<number>): AveragePrecision {
  const count = recall.length;
  const curve = new Float64Array(count + 2);
  const raw = new Float64Array(count + 2);
  raw[0] = 1;
  curve.set(recall, 1);
  raw.set(precision, 1);
  curve[count + 1] = 1;
  const envelope = precisionEnvelope(raw);
  const sampled = interpolate(RECALL_POINTS, curve, envelope);
  let ap = 0;
  for (let i = 1; i < sampled.length; i++) {
    ap += ((RECALL_POINTS[i] - RECALL_POINTS[i - 1]) * (sampled[i] + sampled[i - 1])) / 2;
  }
  return { ap, recall: curve, envelope };
}

/** COCO's AP: the mean, over 101 recalls, of the envelope at the first detection that reaches the recall, and 0 if none does. */
export function cocoAveragePrecision(recall: ArrayLike<number>, precision: ArrayLike<number>): number {
  const envelope = precisionEnvelope(precision);
  let sum = 0;
  for (const point of RECALL_POINTS) sum += envelope[firstNotBelow(recall, point)] ?? 0;
  return sum / RECALL_POINTS.length;
}
