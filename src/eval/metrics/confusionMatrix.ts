/**
 * Which class is confused with which. Boxes above a confidence are matched to labels one to one regardless of class,
 * largest IoU first; unmatched ones count as background. As in YOLOv5 v7.0 (confidence 0.25, IoU 0.45), except that
 * wrong boxes are counted in every picture: v7.0 skips those of pictures without any match.
 */

import { boxIou } from "./matching.js";

/** Boxes of one picture, in its pixels. */
export interface ConfusionInput {
  /** xyxy, 4 numbers per box. */
  readonly labelBoxes: Float32Array;
  readonly labelClasses: ArrayLike<number>;
  readonly boxes: Float32Array;
  readonly confidences: ArrayLike<number>;
  readonly classes: ArrayLike<number>;
}

/** Counts which class was predicted for each true class. */
export class ConfusionMatrix {
  /** Number of classes; index `classes` stands for background. */
  readonly classes: number;
  /** Row-major [predicted, true], (classes + 1)². */
  readonly counts: Float64Array;
  private readonly confidence: number;
  private readonly iou: number;

  constructor(classes: number, confidence = 0.25, iou = 0.45) {
    this.classes = classes;
    this.counts = new Float64Array((classes + 1) ** 2);
    this.confidence = confidence;
    this.iou = iou;
  }

  /** How often `truth` was predicted as `predicted`; either may be `classes` for background. */
  at(predicted: number, truth: number): number {
    return this.counts[predicted * (this.classes + 1) + truth];
  }

  /** Adds the detections and labels of one picture. */
  add(input: ConfusionInput): void {
    const { labelClasses, classes } = input;
    const shown = Array.from(classes, (_, i) => i).filter((i) => input.confidences[i] > Math.fround(this.confidence));
    const boxes = Float32Array.from(shown.flatMap((i) => Array.from(input.boxes.subarray(4 * i, 4 * i + 4))));
    const iou = boxIou(input.labelBoxes, boxes);
    const labelOf = new Int32Array(shown.length).fill(-1);
    const found = new Uint8Array(labelClasses.length);
    for (const { label, box } of this.pairs(iou, labelClasses.length, shown.length)) {
      labelOf[box] = label;
      found[label] = 1;
    }
    for (const [box, i] of shown.entries()) {
      this.count(classes[i], labelOf[box] >= 0 ? labelClasses[labelOf[box]] : this.classes);
    }
    for (let label = 0; label < labelClasses.length; label++) {
      if (found[label] === 0) this.count(this.classes, labelClasses[label]);
    }
  }

  /**
   * v7.0's two steps: each box keeps the label that it overlaps most, then each label keeps the box that overlaps it
   * most.
   */
  private pairs(iou: Float32Array, labels: number, boxes: number): { label: number; box: number }[] {
    const boxOf = new Int32Array(labels).fill(-1);
    for (let box = 0; box < boxes; box++) {
      let label = -1;
      for (let l = 0; l < labels; l++) {
        const value = iou[l * boxes + box];
        if (value > Math.fround(this.iou) && (label < 0 || value > iou[label * boxes + box])) label = l;
      }
      if (label < 0) continue;
      const rival = boxOf[label];
      if (rival < 0 || iou[label * boxes + box] > iou[label * boxes + rival]) boxOf[label] = box;
    }
    return Array.from(boxOf, (box, label) => ({ label, box })).filter(({ box }) => box >= 0);
  }

  private count(predicted: number, truth: number): void {
    this.counts[predicted * (this.classes + 1) + truth]++;
  }
}
