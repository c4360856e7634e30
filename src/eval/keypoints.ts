/**
 * Object keypoint similarity (COCO): how near predicted points are to labelled ones, relative to the object's size and to how
 * precisely people place that point. It stands for IoU when poses are matched.
 */

import { scaleCoordinate } from "../yolov5/output/boxes.js";
import type { Candidate } from "../yolov5/output/nms/nms.js";
import type { GroundTruth } from "./dataset/types.js";
import type { Placement } from "./targets.js";

/** Standard deviations of COCO's 17 points, as shares of the object's size. */
const COCO_SIGMAS = [26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89].map((s) => s / 1000);
/** An object's area as a share of its box's: COCO measures outlines, which boxes stand for here, as in the newer package. */
const AREA = 0.53;
const EPSILON = 1e-7;

/** Of COCO's points their own; of others the same for all. */
export function sigmasOf(count: number): readonly number[] {
  return count === COCO_SIGMAS.length ? COCO_SIGMAS : new Array<number>(count).fill(1 / count);
}

/** A detection's keypoints in pixels of the original, clipped to it; `size` numbers each, of which the third is kept. */
export function scaledKeypoints(
  { keypoints = new Float32Array(0) }: Candidate,
  size: number,
  { scaleBack, original: [height, width] }: Placement,
): Float32Array {
  return Float32Array.from(keypoints, (value, i) => {
    if (i % size === 0) return scaleCoordinate(value, scaleBack.padX, scaleBack.gain, width);
    return i % size === 1 ? scaleCoordinate(value, scaleBack.padY, scaleBack.gain, height) : value;
  });
}

/**
 * OKS of every label with every detection: the mean over the labelled points of exp(−d² ÷ (2·area·(2σ)²)).
 * @param boxes xyxy rows of the labels, in pixels of the original.
 * @returns row-major [labels, detections]; 0 for labels without points.
 */
export function keypointSimilarity(
  truth: GroundTruth,
  boxes: Float32Array,
  candidates: readonly Candidate[],
  size: number,
  placement: Placement,
): Float32Array {
  const [height, width] = placement.original;
  const predicted = candidates.map((candidate) => scaledKeypoints(candidate, size, placement));
  const labels = truth.classes.length;
  const similarity = new Float32Array(labels * candidates.length);
  for (let l = 0; l < labels; l++) {
    const points = truth.keypoints?.[l];
    if (!points) continue;
    const [x1, y1, x2, y2] = boxes.subarray(4 * l, 4 * l + 4);
    const area = (x2 - x1) * (y2 - y1) * AREA + EPSILON;
    const sigmas = sigmasOf(points.length / 3);
    const labelled = sigmas.filter((_, k) => points[3 * k + 2] !== 0).length;
    for (const [d, own] of predicted.entries()) {
      let sum = 0;
      for (const [k, sigma] of sigmas.entries()) {
        if (points[3 * k + 2] === 0) continue;
        const dx = points[3 * k] * width - own[size * k];
        const dy = points[3 * k + 1] * height - own[size * k + 1];
        sum += Math.exp(-(dx * dx + dy * dy) / (2 * area * (2 * sigma) ** 2));
      }
      similarity[l * candidates.length + d] = sum / (labelled + EPSILON);
    }
  }
  return similarity;
}
