/**
 * Decoded predictions → the boxes to keep, with the order of steps and the float32 arithmetic of YOLOv5 v7.0:
 * objectness filter, confidence = objectness × class, best class (or every class), class filter, sort, at most 30,000,
 * class offset of 7,680 px, IoU suppression, at most `maxDet`. Comparisons are strict. There is no time limit.
 * Networks without anchors have no objectness: the class's score is the confidence, all else is the same.
 */

import { NumericError, ShapeError } from "../../../errors.js";
import type { CandidateRows } from "../../../runtime/backend.js";
import { formatShape, type HostTensor } from "../../../tensor/index.js";
import type { Candidate } from "./candidate.js";
import { confidentRows } from "./confidentRows.js";
import { chosenBoxes } from "./endToEnd.js";
import { type NmsOptions, type ResolvedNmsOptions, resolveNmsOptions } from "./nmsOptions.js";
import type { RowFormat } from "./rowFormat.js";
import { allRows } from "./rows.js";
import { sortDescending } from "./sort.js";
import { suppress } from "./suppress.js";

export type { Candidate } from "./candidate.js";

/** Maximum number of candidates for suppression. */
const MAX_NMS = 30000;
/** Distance between the coordinate ranges of two classes, in pixels. */
const CLASS_OFFSET = 7680;

/**
 * Non-maximum suppression of a batch.
 * @param prediction what `model.forward` returns. `[N, rows, 5 + classes (+ mask coefficients)]`: xywh in input pixels,
 *   objectness, class probabilities, coefficients. For networks without anchors (option `objectness: false`)
 *   `[N, rows, 4 + classes (+ mask coefficients or keypoints)]`, for end-to-end heads (`endToEnd: true`) `[N, 300, 6 …]`.
 * @returns per image the kept boxes, by confidence, descending.
 * @throws ShapeError, OptionError; NumericError if a box that passes the thresholds is not finite.
 */
export function nonMaxSuppression(prediction: HostTensor, options: NmsOptions & RowFormat = {}): Candidate[][] {
  const resolved = resolveNmsOptions(options);
  const { shape } = prediction;
  if (shape.length !== 3) {
    throw new ShapeError(`nms: prediction must be [N, rows, columns], not ${formatShape(shape)}`, { shape });
  }
  return suppressRows(allRows([prediction]).candidates, resolved, options);
}

/**
 * `nonMaxSuppression` of some or all rows, in ascending order of their numbers. If the missing rows do not pass the
 * confidence threshold, the boxes are the same, bit for bit.
 */
export function suppressRows(
  candidates: readonly CandidateRows[],
  options: ResolvedNmsOptions,
  format: RowFormat = {},
): Candidate[][] {
  return candidates.map((image) => suppressImage(image, options, format));
}

function suppressImage(
  { data: prediction, columns, rows: numbers }: CandidateRows,
  options: ResolvedNmsOptions,
  format: RowFormat,
): Candidate[] {
  const { maskCoefficients = 0, keypointNumbers = 0, endToEnd = false, objectness = !endToEnd } = format;
  const after = maskCoefficients + keypointNumbers;
  const classCount = columns - (objectness ? 5 : 4) - after;
  if (endToEnd ? columns !== 6 + after : classCount < 1) {
    const box = endToEnd ? "corners, score and class" : objectness ? "xywh, objectness" : "xywh";
    throw new ShapeError(`nms: rows of ${columns} columns do not hold ${box}, a class and ${after} further numbers`, {
      columns,
      maskCoefficients,
      keypointNumbers,
    });
  }
  const extrasOf = (row: number): Pick<Candidate, "coefficients" | "keypoints"> => {
    if (after === 0) return {};
    const further = prediction.slice((row + 1) * columns - after, (row + 1) * columns);
    if (keypointNumbers > 0) return { keypoints: further };
    const factor = objectness ? prediction[row * columns + 4] : 1;
    return { coefficients: further.map((c) => c * factor) };
  };
  if (endToEnd) {
    const boxes = chosenBoxes(prediction, columns, options);
    return boxes.map((box) => ({ ...box, row: numbers[box.row], ...extrasOf(box.row) }));
  }
  const found = confidentRows(prediction, columns, classCount, { ...options, objectness });
  if (found.count === 0) return [];
  const order = sortDescending(found.scores, found.count).subarray(0, MAX_NMS);

  const count = order.length;
  const [x1, y1, x2, y2] = [0, 1, 2, 3].map(() => new Float32Array(count));
  const raw = new Float32Array(count * 4);
  for (let k = 0; k < count; k++) {
    const candidate = order[k];
    const at = found.rows[candidate] * columns;
    const offset = options.agnostic ? 0 : Math.fround(found.classes[candidate] * CLASS_OFFSET);
    const halfWidth = prediction[at + 2] / 2;
    const halfHeight = prediction[at + 3] / 2;
    raw[4 * k] = prediction[at] - halfWidth;
    raw[4 * k + 1] = prediction[at + 1] - halfHeight;
    raw[4 * k + 2] = prediction[at] + halfWidth;
    raw[4 * k + 3] = prediction[at + 1] + halfHeight;
    x1[k] = raw[4 * k] + offset;
    y1[k] = raw[4 * k + 1] + offset;
    x2[k] = raw[4 * k + 2] + offset;
    y2[k] = raw[4 * k + 3] + offset;
    // If the sum of the corners is finite, all four corners are, for any box that fits into float32.
    if (!Number.isFinite(x1[k] + y1[k] + x2[k] + y2[k])) {
      throw notFinite(prediction.subarray(at, at + 4), numbers[found.rows[candidate]]);
    }
  }

  const kept = suppress({ count, x1, y1, x2, y2 }, options.iou, options.maxDet);
  return Array.from(kept, (k) => {
    const row = found.rows[order[k]];
    return {
      x1: raw[4 * k],
      y1: raw[4 * k + 1],
      x2: raw[4 * k + 2],
      y2: raw[4 * k + 3],
      confidence: found.scores[order[k]],
      classIndex: found.classes[order[k]],
      row: numbers[row],
      ...extrasOf(row),
    };
  });
}

function notFinite([x, y, w, h]: Float32Array, row: number): NumericError {
  return new NumericError(
    `nms: the network gave the box x=${x} y=${y} w=${w} h=${h} (row ${row}), which is not finite: ` +
      "a fault in the backend or the weights; use dtype float32 or another backend",
    { row, x, y, w, h },
  );
}
