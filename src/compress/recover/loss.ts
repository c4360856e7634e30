/**
 * How far a student's head maps are from its teacher's, before decoding, and the gradient of that. Without labels: where the
 * teacher sees something, boxes and classes count as much as it is sure; everywhere, objectness and, a little, all numbers of
 * the maps, which compares the necks' features as the head sees them.
 */

import type { Head } from "./student.js";

/** Of the terms of the loss. */
export interface LossWeights {
  readonly objectness: number;
  readonly classes: number;
  readonly boxes: number;
  /** Mean square of the difference of all numbers. */
  readonly maps: number;
}

export const LOSS_WEIGHTS: LossWeights = { objectness: 1, classes: 1, boxes: 2, maps: 1 };

/** Below this the teacher sees nothing. */
const LEAST_SCORE = 0.01;

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** Binary cross-entropy of a logit against a probability, less the least that it can be. */
function excess(logit: number, target: number): number {
  const p = Math.min(1 - 1e-7, Math.max(1e-7, sigmoid(logit)));
  const t = Math.min(1 - 1e-7, Math.max(1e-7, target));
  return t * Math.log(t / p) + (1 - t) * Math.log((1 - t) / (1 - p));
}

/** A map of a level: [N, C, H, W], dense. */
interface Maps {
  readonly teacher: Float32Array;
  readonly student: Float32Array;
  readonly gradient: Float32Array;
}

export interface Distillation {
  readonly loss: number;
  /** With respect to the student's maps. */
  readonly seeds: readonly Float32Array[];
}

/**
 * @param shapes of the maps, [N, C, H, W] each, in the order of the head's inputs; further ones, prototypes of masks, are only
 *   compared number by number
 * @param teacher its maps, in the same order; `student` likewise
 */
export function distillationLoss(
  head: Head,
  shapes: readonly (readonly number[])[],
  teacher: readonly Float32Array[],
  student: readonly Float32Array[],
  weights: LossWeights = LOSS_WEIGHTS,
): Distillation {
  const seeds = student.map(({ length }) => new Float32Array(length));
  const mapsAt = (i: number): Maps => ({ teacher: teacher[i], student: student[i], gradient: seeds[i] });
  const terms = new Terms(weights);
  if (head.type === "detect") {
    const { outputs, maskCoefficients, anchors, strides } = head.attrs;
    const classes = outputs - 5 - maskCoefficients;
    for (const [level, shape] of shapes.slice(0, anchors.length).entries()) {
      const sizes = anchors[level].map((side) => side / strides[level]);
      terms.anchored(mapsAt(level), shape, { outputs, classes, sizes });
    }
  } else {
    const perLevel = head.attrs.extras > 0 ? 3 : 2;
    for (let first = 0; first < head.attrs.strides.length * perLevel; first += perLevel) {
      terms.anchorFree(mapsAt(first), mapsAt(first + 1), shapes[first], shapes[first + 1]);
    }
  }
  let loss = terms.finish(seeds);
  loss += matchMaps(teacher, student, seeds, weights.maps);
  return { loss, seeds };
}

/** Adds the mean square of all differences. */
function matchMaps(
  teacher: readonly Float32Array[],
  student: readonly Float32Array[],
  seeds: readonly Float32Array[],
  weight: number,
): number {
  const count = student.reduce((sum, { length }) => sum + length, 0);
  let total = 0;
  for (const [level, own] of student.entries()) {
    const wanted = teacher[level];
    const gradient = seeds[level];
    let sum = 0;
    for (let i = 0; i < own.length; i++) {
      const difference = own[i] - wanted[i];
      sum += difference * difference;
      gradient[i] += (2 * weight * difference) / count;
    }
    total += sum;
  }
  return (weight * total) / count;
}

/** Terms that are divided by how much the teacher sees in the whole batch. */
class Terms {
  private sum = 0;
  private seen = 1;

  constructor(private readonly weights: LossWeights) {}

  /** Maps of [box, objectness, classes] for each anchor. `sizes` in cells. */
  anchored(
    { teacher, student, gradient }: Maps,
    [n, c, h, w]: readonly number[],
    { outputs, classes, sizes }: { outputs: number; classes: number; sizes: readonly number[] },
  ): void {
    const { weights } = this;
    const plane = h * w;
    for (let block = 0; block < (n * c) / outputs; block++) {
      const anchor = block % (c / outputs);
      const base = block * outputs * plane;
      for (let p = 0; p < plane; p++) {
        const at = base + p;
        const object = at + 4 * plane;
        const score = sigmoid(teacher[object]);
        this.sum += weights.objectness * excess(student[object], score);
        gradient[object] += weights.objectness * (sigmoid(student[object]) - score);
        if (score < LEAST_SCORE) continue;
        this.seen += score;
        for (let axis = 0; axis < 2; axis++) {
          const [xy, wh] = [at + axis * plane, at + (2 + axis) * plane];
          const [own, wanted] = [sigmoid(student[wh]), sigmoid(teacher[wh])];
          const size = Math.max(0.5, (2 * wanted) ** 2 * sizes[2 * anchor + axis]);
          const centre = sigmoid(student[xy]);
          const shift = (2 * (centre - sigmoid(teacher[xy]))) / size;
          const stretch = 2 * Math.log(Math.max(own, 1e-6) / Math.max(wanted, 1e-6));
          this.sum += weights.boxes * score * (shift ** 2 + stretch ** 2);
          gradient[xy] += (weights.boxes * score * 4 * shift * centre * (1 - centre)) / size;
          gradient[wh] += weights.boxes * score * 4 * stretch * (1 - own);
        }
        this.classes(teacher, student, gradient, at + 5 * plane, plane, classes, score);
      }
    }
  }

  /** Distances and class scores of a level in maps of their own; the best class says how sure the teacher is. */
  anchorFree(boxes: Maps, scores: Maps, [n, distances, h, w]: readonly number[], [, classes]: readonly number[]): void {
    const { weights } = this;
    const plane = h * w;
    for (let pixel = 0; pixel < n * plane; pixel++) {
      const [image, p] = [Math.floor(pixel / plane), pixel % plane];
      const first = image * classes * plane + p;
      let top = Number.NEGATIVE_INFINITY;
      for (let k = 0; k < classes; k++) top = Math.max(top, scores.teacher[first + k * plane]);
      const score = sigmoid(top);
      this.classes(scores.teacher, scores.student, scores.gradient, first, plane, classes, 1);
      if (score < LEAST_SCORE) continue;
      this.seen += score;
      const from = image * distances * plane + p;
      const factor = (weights.boxes * score) / distances;
      for (let k = 0; k < distances; k++) {
        const i = from + k * plane;
        const difference = boxes.student[i] - boxes.teacher[i];
        this.sum += factor * difference ** 2;
        boxes.gradient[i] += 2 * factor * difference;
      }
    }
  }

  private classes(
    teacher: Float32Array,
    student: Float32Array,
    gradient: Float32Array,
    first: number,
    plane: number,
    classes: number,
    score: number,
  ): void {
    const factor = this.weights.classes * score;
    for (let k = 0, i = first; k < classes; k++, i += plane) {
      const wanted = sigmoid(teacher[i]);
      this.sum += factor * excess(student[i], wanted);
      gradient[i] += factor * (sigmoid(student[i]) - wanted);
    }
  }

  /** Divides gradients by how much was seen. */
  finish(seeds: readonly Float32Array[]): number {
    const factor = 1 / Math.max(this.seen, 8);
    for (const seed of seeds) for (let i = 0; i < seed.length; i++) seed[i] *= factor;
    return this.sum * factor;
  }
}
