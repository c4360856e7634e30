/**
 * Which detections are right: intersection over union in float32, and YOLOv5 v7.0's matching at ten IoU thresholds.
 * Boxes are xyxy rows, flattened.
 */

/** 0.5, 0.55, …, 0.95, with the float32 values of torch.linspace. */
export const IOU_THRESHOLDS: Float32Array = Float32Array.from({ length: 10 }, (_, i) => {
  const step = Math.fround(Math.fround(Math.fround(0.95) - 0.5) / 9);
  return i < 5 ? 0.5 + Math.fround(step * i) : Math.fround(0.95) - Math.fround(step * (9 - i));
});

/** Keeps the quotient finite for empty boxes. */
const EPSILON = Math.fround(1e-7);

/**
 * IoU of every label with every detection.
 * @param labels xyxy, 4 numbers per box.
 * @param detections xyxy, 4 numbers per box, in the same pixels.
 * @returns row-major [labels, detections]; every step rounded to float32, as torch computes it.
 */
export function boxIou(labels: Float32Array, detections: Float32Array): Float32Array {
  const rows = labels.length / 4;
  const columns = detections.length / 4;
  const { fround, max, min } = Math;
  const areas = new Float32Array(columns);
  for (let d = 0; d < columns; d++) areas[d] = area(detections, 4 * d);
  const iou = new Float32Array(rows * columns);
  for (let l = 0; l < rows; l++) {
    const own = area(labels, 4 * l);
    const [x1, y1, x2, y2] = labels.subarray(4 * l, 4 * l + 4);
    for (let d = 0, at = 0; d < columns; d++, at += 4) {
      const width = fround(min(x2, detections[at + 2]) - max(x1, detections[at]));
      const height = fround(min(y2, detections[at + 3]) - max(y1, detections[at + 1]));
      const inter = width > 0 && height > 0 ? fround(width * height) : 0;
      iou[l * columns + d] = inter / fround(fround(fround(own + areas[d]) - inter) + EPSILON);
    }
  }
  return iou;
}

function area(boxes: Float32Array, at: number): number {
  return Math.fround(Math.fround(boxes[at + 2] - boxes[at]) * Math.fround(boxes[at + 3] - boxes[at + 1]));
}

/** The labels and detections to match in one picture. */
export interface MatchInput {
  /** Row-major [labels, detections]. */
  readonly iou: Float32Array;
  readonly labelClasses: ArrayLike<number>;
  /** Classes of the detections, most confident first. */
  readonly detectionClasses: ArrayLike<number>;
}

/**
 * v7.0's rule. Each detection competes for the label of its class with the highest IoU. At each threshold that this
 * IoU reaches, the first (most confident) such detection gets the label. A detection that loses its label is wrong,
 * even if another label is free.
 * @returns a bit set per detection: bit i is set if it is correct at `thresholds[i]`.
 */
export function matchDetections(input: MatchInput, thresholds: Float32Array = IOU_THRESHOLDS): Uint16Array {
  const { iou, labelClasses, detectionClasses } = input;
  const labels = labelClasses.length;
  const detections = detectionClasses.length;
  const bestLabel = new Int32Array(detections).fill(-1);
  const bestIou = new Float32Array(detections);
  for (let l = 0; l < labels; l++) {
    for (let d = 0; d < detections; d++) {
      // Among equal IoUs the last label wins, as with a reversed ascending sort.
      if (labelClasses[l] !== detectionClasses[d] || iou[l * detections + d] < bestIou[d]) continue;
      bestIou[d] = iou[l * detections + d];
      bestLabel[d] = l;
    }
  }
  const correct = new Uint16Array(detections);
  const taken = new Uint8Array(labels);
  for (const [bit, threshold] of thresholds.entries()) {
    taken.fill(0);
    for (let d = 0; d < detections; d++) {
      const label = bestLabel[d];
      if (label < 0 || bestIou[d] < threshold || taken[label] === 1) continue;
      taken[label] = 1;
      correct[d] |= 1 << bit;
    }
  }
  return correct;
}
