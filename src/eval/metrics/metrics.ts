/**
 * Precision, recall, F1 and mAP as computed by `val.py` of YOLOv5 v7.0. Pictures are added one by one; `compute` may
 * be called at any time, so that an interrupted run still has figures.
 */

import { sortDescending } from "../../yolov5/output/nms/sort.js";
import { type ApDefinition, averagePrecision, cocoAveragePrecision } from "./averagePrecision.js";
import { IOU_THRESHOLDS } from "./matching.js";
import { argMax, interpolate, linspace, mean, smooth } from "./numeric.js";

/** Points of every curve: 0 to 1 in 999 steps. */
export const CURVE_POINTS = 1000;
const F1_SMOOTHING = 0.1;
const EPSILON = 1e-16;

/** The figures of one class. */
export interface ClassMetrics {
  /** Class index. */
  readonly class: number;
  /** Number of labels of this class. */
  readonly instances: number;
  /** Precision, recall and F1 at the confidence where the mean F1 of all classes is best. */
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** AP at IoU 0.5. */
  readonly map50: number;
  /** Mean AP over the ten IoU thresholds. */
  readonly map50_95: number;
}

/** Curves of one class, `CURVE_POINTS` values each, at IoU 0.5. */
export interface ClassCurves {
  readonly class: number;
  /** Along confidence 0 to 1. */
  readonly precision: Float64Array;
  readonly recall: Float64Array;
  readonly f1: Float64Array;
  /** Precision envelope along recall 0 to 1. */
  readonly precisionOverRecall: Float64Array;
}

/** Means over the classes with labels; all zero if no detection is correct. */
export interface Metrics {
  readonly images: number;
  readonly instances: number;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  readonly map50: number;
  readonly map50_95: number;
  /** Confidence at which precision, recall and F1 are taken. */
  readonly confidence: number;
  /** Classes that have labels, ascending. */
  readonly perClass: readonly ClassMetrics[];
  readonly curves: readonly ClassCurves[];
}

/** The contribution of one picture. */
export interface PictureMatches {
  /** Bit set per detection, from `matchDetections`. */
  readonly correct: Uint16Array;
  /** 0 to 1. */
  readonly confidences: Float32Array;
  readonly classes: Int32Array;
  readonly labelClasses: ArrayLike<number>;
}

/** Collects matched detections picture by picture, and computes precision, recall and AP from them. */
export class MetricsAccumulator {
  private images = 0;
  private readonly parts: PictureMatches[] = [];
  private detections = 0;

  /**
   * Also call it for pictures without labels and detections, which count as pictures.
   * @param pictures number of pictures in the lists, one after the other. Default 1.
   */
  add(picture: PictureMatches, pictures = 1): void {
    this.images += pictures;
    this.parts.push(picture);
    this.detections += picture.confidences.length;
  }

  /** The contributions of all pictures, one after the other. */
  joined(): PictureMatches {
    const correct = new Uint16Array(this.detections);
    const confidences = new Float32Array(this.detections);
    const classes = new Int32Array(this.detections);
    const labelClasses: number[] = [];
    let at = 0;
    for (const part of this.parts) {
      correct.set(part.correct, at);
      confidences.set(part.confidences, at);
      classes.set(part.classes, at);
      at += part.confidences.length;
      for (let i = 0; i < part.labelClasses.length; i++) labelClasses.push(part.labelClasses[i]);
    }
    return { correct, confidences, classes, labelClasses: Int32Array.from(labelClasses) };
  }

  /** The figures of all pictures added so far. */
  compute(definition: ApDefinition = "yolov5"): Metrics {
    const instances = this.countLabels();
    const byClass = this.sortedByClass();
    const classes = [...instances.keys()].sort((a, b) => a - b);
    const anyRight = this.parts.some(({ correct }) => correct.some((bits) => bits !== 0));
    const measured = classes.map((c) =>
      measureClass(c, instances.get(c) ?? 0, anyRight ? byClass.get(c) : undefined, definition),
    );
    const meanF1 = Float64Array.from({ length: CURVE_POINTS }, (_, i) =>
      mean(measured.map(({ curves }) => curves.f1[i])),
    );
    const best = argMax(smooth(meanF1, F1_SMOOTHING));
    const perClass = measured.map(({ curves, ap, instances }): ClassMetrics => {
      const point = { precision: curves.precision[best], recall: curves.recall[best], f1: curves.f1[best] };
      return { class: curves.class, instances, ...point, map50: ap[0], map50_95: mean(ap) };
    });
    const average = (key: "precision" | "recall" | "f1" | "map50" | "map50_95") => mean(perClass.map((c) => c[key]));
    return {
      images: this.images,
      instances: [...instances.values()].reduce((sum, n) => sum + n, 0),
      precision: average("precision"),
      recall: average("recall"),
      f1: average("f1"),
      map50: average("map50"),
      map50_95: average("map50_95"),
      confidence: best / (CURVE_POINTS - 1),
      perClass,
      curves: measured.map(({ curves }) => curves),
    };
  }

  private countLabels(): Map<number, number> {
    const counts = new Map<number, number>();
    for (const { labelClasses } of this.parts) {
      for (let i = 0; i < labelClasses.length; i++) {
        counts.set(labelClasses[i], (counts.get(labelClasses[i]) ?? 0) + 1);
      }
    }
    return counts;
  }

  /** Detections of each class, most confident first. */
  private sortedByClass(): Map<number, Ranked> {
    const { confidences, correct, classes } = this.joined();
    const at = confidences.length;
    // There may be millions, so they are counted first to allocate exact arrays per class.
    const counts = new Map<number, number>();
    for (let i = 0; i < at; i++) counts.set(classes[i], (counts.get(classes[i]) ?? 0) + 1);
    const ranked = new Map<number, Ranked & { filled: number }>();
    for (const [c, n] of counts) {
      ranked.set(c, { confidences: new Float64Array(n), correct: new Uint16Array(n), filled: 0 });
    }
    const order = sortDescending(confidences);
    for (let rank = 0; rank < order.length; rank++) {
      const i = order[rank];
      const own = ranked.get(classes[i]);
      if (!own) continue;
      own.confidences[own.filled] = confidences[i];
      own.correct[own.filled++] = correct[i];
    }
    return ranked;
  }
}

/** Detections of one class, most confident first. */
interface Ranked {
  readonly confidences: Float64Array;
  readonly correct: Uint16Array;
}

interface MeasuredClass {
  readonly instances: number;
  readonly ap: Float64Array;
  readonly curves: ClassCurves;
}

function measureClass(
  classIndex: number,
  instances: number,
  ranked: Ranked | undefined,
  definition: ApDefinition,
): MeasuredClass {
  const zeros = () => new Float64Array(CURVE_POINTS);
  const ap = new Float64Array(IOU_THRESHOLDS.length);
  if (!ranked || ranked.correct.length === 0) {
    const curves = { precision: zeros(), recall: zeros(), f1: zeros(), precisionOverRecall: zeros() };
    return { instances, ap, curves: { class: classIndex, ...curves } };
  }
  const axis = linspace(0, 1, CURVE_POINTS);
  let precisionOverRecall: Float64Array = zeros();
  let first: { recall: Float64Array; precision: Float64Array } | undefined;
  for (let bit = 0; bit < ap.length; bit++) {
    const curve = precisionRecall(ranked.correct, bit, instances);
    const result = averagePrecision(curve.recall, curve.precision);
    ap[bit] = definition === "coco" ? cocoAveragePrecision(curve.recall, curve.precision) : result.ap;
    if (bit > 0) continue;
    first = curve;
    precisionOverRecall = interpolate(axis, result.recall, result.envelope);
  }
  // Along confidence both axes are negated, because interpolation needs ascending x.
  const negated = ranked.confidences.map((c) => -c);
  const points = axis.map((c) => -c);
  const recall = interpolate(points, negated, first?.recall ?? zeros(), 0);
  const precision = interpolate(points, negated, first?.precision ?? zeros(), 1);
  const f1 = precision.map((p, i) => (2 * p * recall[i]) / (p + recall[i] + EPSILON));
  return { instances, ap, curves: { class: classIndex, precision, recall, f1, precisionOverRecall } };
}

/** Recall and precision after each detection, at the threshold of one bit. */
function precisionRecall(correct: Uint16Array, bit: number, instances: number) {
  const recall = new Float64Array(correct.length);
  const precision = new Float64Array(correct.length);
  let right = 0;
  for (let i = 0; i < correct.length; i++) {
    right += (correct[i] >> bit) & 1;
    recall[i] = right / (instances + EPSILON);
    precision[i] = right / (i + 1);
  }
  return { recall, precision };
}
