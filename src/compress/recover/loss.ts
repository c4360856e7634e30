/**
 * How far a student's head maps are from its teacher's, before decoding, and the gradient of that. Without labels: where the
 * teacher sees something, boxes, classes, mask coefficients and keypoints count as much as it is sure; objectness counts everywhere.
 * Comparing all numbers of the maps everywhere was tried: it spends what a pruned network can still do on the background.
 */

import { mapsOfLevel } from "../../ops/index.js";
import type { Head } from "../headMaps.js";

/** Of the terms of the loss. */
export interface LossWeights {
  readonly objectness: number;
  readonly classes: number;
  readonly boxes: number;
  /** Mask coefficients and keypoints. */
  readonly extras: number;
  /** Prototypes of masks: mean square of the difference, each channel in units of the teacher's variance. */
  readonly prototypes: number;
}

export const LOSS_WEIGHTS: LossWeights = { objectness: 1, classes: 1, boxes: 2, extras: 1, prototypes: 1 };

/** Added to variances: a channel that hardly changes must not outweigh the others. */
const LEAST_VARIANCE = 0.05;
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
export interface Maps {
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
 * @param shapes of the maps, [N, C, H, W] each, in the order of the head's inputs; further ones are prototypes of masks
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
    const perLevel = mapsOfLevel(head.attrs);
    for (let first = 0; first < head.attrs.strides.length * perLevel; first += perLevel) {
      const extras = head.attrs.extras > 0 ? mapsAt(first + 2) : undefined;
      terms.anchorFree(mapsAt(first), mapsAt(first + 1), extras, shapes[first], [
        shapes[first + 1][1],
        head.attrs.extras,
      ]);
    }
  }
  let loss = terms.finish(seeds);
  for (let i = head.inputs.length; i < shapes.length; i++) {
    loss += matchMaps(mapsAt(i), shapes[i], weights.prototypes);
  }
  return { loss, seeds };
}

/** @returns the weighted mean square of the differences, each channel in units of the teacher's variance; adds its gradient */
export function matchMaps(maps: Maps, [n, c, h, w]: readonly number[], weight: number): number {
  const plane = h * w;
  let total = 0;
  for (let channel = 0; channel < c; channel++) {
    const starts = Array.from({ length: n }, (_, image) => (image * c + channel) * plane);
    const factor = weight / (n * c * plane) / (varianceOf(maps.teacher, starts, plane) + LEAST_VARIANCE);
    for (const start of starts) total += addSquares(maps, start, 1, plane, factor);
  }
  return total;
}

function varianceOf(data: Float32Array, starts: readonly number[], plane: number): number {
  let [sum, squares] = [0, 0];
  for (const start of starts) {
    for (let i = start; i < start + plane; i++) {
      sum += data[i];
      squares += data[i] * data[i];
    }
  }
  const count = starts.length * plane;
  return Math.max(0, squares / count - (sum / count) ** 2);
}

/** @returns factor · Σ (student − teacher)² over `count` numbers, `stride` apart; adds its gradient */
function addSquares(
  { teacher, student, gradient }: Maps,
  start: number,
  stride: number,
  count: number,
  factor: number,
): number {
  let sum = 0;
  for (let k = 0, i = start; k < count; k++, i += stride) {
    const difference = student[i] - teacher[i];
    sum += difference * difference;
    gradient[i] += 2 * factor * difference;
  }
  return factor * sum;
}

/** Terms that are divided by how much the teacher sees in the whole batch. */
class Terms {
  private sum = 0;
  private seen = 1;

  constructor(private readonly weights: LossWeights) {}

  /** Maps of [box, objectness, classes] for each anchor. `sizes` in cells. */
  anchored(
    maps: Maps,
    [n, c, h, w]: readonly number[],
    { outputs, classes, sizes }: { outputs: number; classes: number; sizes: readonly number[] },
  ): void {
    const { weights } = this;
    const { teacher, student, gradient } = maps;
    const coefficients = outputs - 5 - classes;
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
        this.classes(maps, at + 5 * plane, plane, classes, score);
        this.squares(maps, at + (5 + classes) * plane, plane, coefficients, weights.extras * score);
      }
    }
  }

  /** Distances, class scores and extras of a level in maps of their own; the best class says how sure the teacher is. */
  anchorFree(
    boxes: Maps,
    scores: Maps,
    others: Maps | undefined,
    [n, distances, h, w]: readonly number[],
    [classes, extras]: readonly [number, number],
  ): void {
    const { weights } = this;
    const plane = h * w;
    for (let pixel = 0; pixel < n * plane; pixel++) {
      const [image, p] = [Math.floor(pixel / plane), pixel % plane];
      const first = image * classes * plane + p;
      let top = Number.NEGATIVE_INFINITY;
      for (let k = 0; k < classes; k++) top = Math.max(top, scores.teacher[first + k * plane]);
      const score = sigmoid(top);
      this.classes(scores, first, plane, classes, 1);
      if (score < LEAST_SCORE) continue;
      this.seen += score;
      this.squares(boxes, image * distances * plane + p, plane, distances, weights.boxes * score);
      if (others) this.squares(others, image * extras * plane + p, plane, extras, weights.extras * score);
    }
  }

  private classes(
    { teacher, student, gradient }: Maps,
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

  /** Adds the mean square of a pixel's numbers. */
  private squares(maps: Maps, first: number, plane: number, count: number, weight: number): void {
    if (count > 0) this.sum += addSquares(maps, first, plane, count, weight / count);
  }

  /** Divides gradients by how much was seen. */
  finish(seeds: readonly Float32Array[]): number {
    const factor = 1 / Math.max(this.seen, 8);
    for (const seed of seeds) for (let i = 0; i < seed.length; i++) seed[i] *= factor;
    return this.sum * factor;
  }
}
