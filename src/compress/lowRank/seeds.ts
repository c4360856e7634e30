/**
 * Random gradients at a network's outputs, drawn so that the mean square of what they pick up of a change is how much that
 * change matters (Hutchinson's estimator of a generalised Gauss–Newton form): for scores, the Kullback–Leibler distance of the
 * probabilities before and after; for boxes, their relative error, as much as the network is sure that there is one.
 */

import { mapsOfLevel } from "../../ops/index.js";
import type { Head } from "../headMaps.js";

/**
 * What a box error counts, relative to the distance of its score: squared shift and stretch, both relative to the size. A twentieth
 * of the size is one of the ten thresholds of mAP50-95.
 */
const BOX_WEIGHT = 50;
/** Of masks' coefficients and keypoints, which stand for many numbers behind them. */
const EXTRA_WEIGHT = 0.1;
/** Boxes that the network is less sure of do not count. */
const LEAST_SCORE = 0.01;

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

interface Maps {
  readonly values: Float32Array;
  readonly seeds: Float32Array;
}

/**
 * @param outputs maps, dense, as `headMaps` orders them; `shapes` of each
 * @param random numbers in [0, 1)
 */
export function outputSeeds(
  head: Head,
  shapes: readonly (readonly number[])[],
  outputs: readonly Float32Array[],
  random: () => number,
): Float32Array[] {
  const seeds = outputs.map(({ length }) => new Float32Array(length));
  const at = (i: number): Maps => ({ values: outputs[i], seeds: seeds[i] });
  const sign = (): number => (random() < 0.5 ? -1 : 1);
  if (head.type === "detect") {
    const { outputs: numbers, maskCoefficients, anchors, strides } = head.attrs;
    const classes = numbers - 5 - maskCoefficients;
    for (const [level, shape] of shapes.slice(0, anchors.length).entries()) {
      const sizes = anchors[level].map((side) => side / strides[level]);
      anchored(at(level), shape, { numbers, classes, sizes }, sign);
    }
    return seeds;
  }
  const perLevel = mapsOfLevel(head.attrs);
  for (let first = 0; first < head.attrs.strides.length * perLevel; first += perLevel) {
    const extras = head.attrs.extras > 0 ? at(first + 2) : undefined;
    anchorFree(at(first), at(first + 1), extras, shapes[first], shapes[first + 1], sign);
  }
  return seeds;
}

/** Standard deviation of a coin that falls as the logit says. */
const spread = (logit: number): number => {
  const p = sigmoid(logit);
  return Math.sqrt(p * (1 - p));
};

/** Maps of [box, objectness, classes, coefficients] for each anchor. `sizes` in cells. */
function anchored(
  { values, seeds }: Maps,
  [n, c, h, w]: readonly number[],
  { numbers, classes, sizes }: { numbers: number; classes: number; sizes: readonly number[] },
  sign: () => number,
): void {
  const plane = h * w;
  const anchors = c / numbers;
  for (let block = 0; block < n * anchors; block++) {
    const anchor = block % anchors;
    for (let p = 0; p < plane; p++) {
      const at = block * numbers * plane + p;
      const object = values[at + 4 * plane];
      seeds[at + 4 * plane] = sign() * spread(object);
      const score = sigmoid(object);
      if (score < LEAST_SCORE) continue;
      const sure = Math.sqrt(score);
      for (let k = 5; k < 5 + classes; k++) {
        seeds[at + k * plane] = sign() * sure * spread(values[at + k * plane]);
      }
      const box = sure * Math.sqrt(BOX_WEIGHT);
      for (let axis = 0; axis < 2; axis++) {
        const [centre, side] = [sigmoid(values[at + axis * plane]), sigmoid(values[at + (2 + axis) * plane])];
        const size = Math.max(0.5, (2 * side) ** 2 * sizes[2 * anchor + axis]);
        seeds[at + axis * plane] = (sign() * box * 2 * centre * (1 - centre)) / size;
        seeds[at + (2 + axis) * plane] = sign() * box * 2 * (1 - side);
      }
      const extra = sure * Math.sqrt(EXTRA_WEIGHT);
      for (let k = 5 + classes; k < numbers; k++) seeds[at + k * plane] = sign() * extra;
    }
  }
}

/** Distances, class scores and further numbers of a level in maps of their own; the best class says how sure the network is. */
function anchorFree(
  boxes: Maps,
  scores: Maps,
  extras: Maps | undefined,
  [n, distances, h, w]: readonly number[],
  [, classes]: readonly number[],
  sign: () => number,
): void {
  const plane = h * w;
  const further = (extras?.values.length ?? 0) / (n * plane);
  for (let pixel = 0; pixel < n * plane; pixel++) {
    const [image, p] = [Math.floor(pixel / plane), pixel % plane];
    let top = Number.NEGATIVE_INFINITY;
    for (let k = 0, i = image * classes * plane + p; k < classes; k++, i += plane) {
      top = Math.max(top, scores.values[i]);
      scores.seeds[i] = sign() * spread(scores.values[i]);
    }
    const score = sigmoid(top);
    if (score < LEAST_SCORE) continue;
    const box = Math.sqrt((score * BOX_WEIGHT) / distances);
    for (let k = 0, i = image * distances * plane + p; k < distances; k++, i += plane) boxes.seeds[i] = sign() * box;
    const extra = Math.sqrt(score * EXTRA_WEIGHT);
    for (let k = 0, i = image * further * plane + p; extras && k < further; k++, i += plane) {
      extras.seeds[i] = sign() * extra;
    }
  }
}
