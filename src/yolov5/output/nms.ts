/**
 * Decoded predictions → the boxes to keep, with the order of steps and the float32 arithmetic of YOLOv5 v7.0:
 * objectness filter, confidence = objectness × class, best class (or every class), class filter, sort, at most 30,000,
 * class offset of 7,680 px, IoU suppression, at most `maxDet`. Comparisons are strict. There is no time limit.
 */

import { NumericError, ShapeError } from "../../errors.js";
import type { CandidateRows } from "../../runtime/backend.js";
import { formatShape, type HostTensor } from "../../tensor/index.js";
import { type NmsOptions, type ResolvedNmsOptions, resolveNmsOptions } from "./nmsOptions.js";
import { allRows } from "./rows.js";
import { sortDescending } from "./sort.js";
import { suppress } from "./suppress.js";

/** A box that survived, in pixels of the network's input, neither clipped nor rounded. All numbers are float32. */
export interface Candidate {
  readonly x1: number;
  readonly y1: number;
  readonly x2: number;
  readonly y2: number;
  /** Objectness × class probability. */
  readonly confidence: number;
  readonly classIndex: number;
  /** Row of the prediction it came from. */
  readonly row: number;
  /** Mask coefficients × objectness (v7.0 scales all columns after the fifth), for segmentation models. */
  readonly coefficients?: Float32Array;
}

/** Boxes before suppression, as columns. */
interface Columns {
  count: number;
  rows: Int32Array;
  classes: Int32Array;
  scores: Float32Array;
}

/** Candidates that enter suppression, at most. */
const MAX_NMS = 30000;
/** Distance between the coordinate ranges of two classes, in pixels. */
const CLASS_OFFSET = 7680;

/**
 * Non-maximum suppression of a batch.
 * @param prediction `[N, rows, 5 + classes (+ mask coefficients)]`: xywh in input pixels, objectness, class
 *   probabilities, coefficients; what `model.forward` returns.
 * @param options `maskCoefficients`: at the end of each row (32 for segmentation models); default 0.
 * @returns per image the kept boxes, by confidence, descending.
 * @throws ShapeError, OptionError; NumericError where a box that passes the thresholds is not finite.
 */
export function nonMaxSuppression(
  prediction: HostTensor,
  options: NmsOptions & { readonly maskCoefficients?: number | undefined } = {},
): Candidate[][] {
  const resolved = resolveNmsOptions(options);
  const { shape } = prediction;
  if (shape.length !== 3) {
    throw new ShapeError(`nms: prediction must be [N, rows, columns], not ${formatShape(shape)}`, { shape });
  }
  return suppressRows(allRows([prediction]).candidates, resolved, options.maskCoefficients);
}

/**
 * `nonMaxSuppression` of rows, some or all, in ascending order of their numbers: where those that are missing do not pass the
 * confidence threshold, it gives the same boxes, bit for bit.
 */
export function suppressRows(
  candidates: readonly CandidateRows[],
  options: ResolvedNmsOptions,
  maskCoefficients = 0,
): Candidate[][] {
  return candidates.map((image) => suppressImage(image, options, maskCoefficients));
}

function suppressImage(
  { data: prediction, columns, rows: numbers }: CandidateRows,
  options: ResolvedNmsOptions,
  maskCoefficients: number,
): Candidate[] {
  const classCount = columns - 5 - maskCoefficients;
  if (classCount < 1) {
    throw new ShapeError(
      `nms: rows of ${columns} columns hold no class beside xywh, objectness and ${maskCoefficients} mask coefficients`,
      { columns, maskCoefficients },
    );
  }
  const found = filter(prediction, columns, classCount, options);
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
    // A finite sum of corners means four finite corners, for any box that fits into float32.
    if (!Number.isFinite(x1[k] + y1[k] + x2[k] + y2[k])) {
      throw notFinite(prediction.subarray(at, at + 4), numbers[found.rows[candidate]]);
    }
  }

  const kept = suppress({ count, x1, y1, x2, y2 }, options.iou, options.maxDet);
  return Array.from(kept, (k) => {
    const row = found.rows[order[k]];
    const box = {
      x1: raw[4 * k],
      y1: raw[4 * k + 1],
      x2: raw[4 * k + 2],
      y2: raw[4 * k + 3],
      confidence: found.scores[order[k]],
      classIndex: found.classes[order[k]],
      row: numbers[row],
    };
    if (maskCoefficients === 0) return box;
    const at = row * columns;
    const objectness = prediction[at + 4];
    const coefficients = prediction.slice(at + 5 + classCount, at + columns).map((c) => c * objectness);
    return { ...box, coefficients };
  });
}

/** Rows (and classes) above the threshold, in order of row, then class. NaN fails every comparison. */
function filter(prediction: Float32Array, columns: number, classCount: number, options: ResolvedNmsOptions): Columns {
  // The threshold is compared as a float32, as torch does with a scalar beside a float32 tensor.
  const threshold = Math.fround(options.conf);
  const multiLabel = options.multiLabel && classCount > 1;
  const wanted = options.classes && new Uint8Array(classCount);
  if (wanted) for (const c of options.classes ?? []) if (c < classCount) wanted[c] = 1;

  const found: Columns = {
    count: 0,
    rows: new Int32Array(256),
    classes: new Int32Array(256),
    scores: new Float32Array(256),
  };
  for (let at = 0; at < prediction.length; at += columns) {
    const objectness = prediction[at + 4];
    if (!(objectness > threshold)) continue;
    const first = at + 5;
    if (multiLabel) {
      for (let c = 0; c < classCount; c++) {
        const score = Math.fround(prediction[first + c] * objectness);
        if (score > threshold && (!wanted || wanted[c] === 1)) push(found, at / columns, c, score);
      }
      continue;
    }
    let best = 0;
    let score = Math.fround(prediction[first] * objectness);
    for (let c = 1; c < classCount; c++) {
      const value = Math.fround(prediction[first + c] * objectness);
      // Like torch's max: the first of equals, and NaN where any is NaN.
      if (value > score || Number.isNaN(value)) {
        score = value;
        best = c;
      }
      if (Number.isNaN(score)) break;
    }
    if (score > threshold && (!wanted || wanted[best] === 1)) push(found, at / columns, best, score);
  }
  return found;
}

function push(found: Columns, row: number, classIndex: number, score: number): void {
  if (found.count === found.rows.length) {
    found.rows = grow(found.rows, Int32Array);
    found.classes = grow(found.classes, Int32Array);
    found.scores = grow(found.scores, Float32Array);
  }
  found.rows[found.count] = row;
  found.classes[found.count] = classIndex;
  found.scores[found.count++] = score;
}

function grow<T extends Int32Array | Float32Array>(source: T, Type: new (length: number) => T): T {
  const larger = new Type(source.length * 2);
  larger.set(source);
  return larger;
}

function notFinite([x, y, w, h]: Float32Array, row: number): NumericError {
  return new NumericError(
    `nms: the network gave the box x=${x} y=${y} w=${w} h=${h} (row ${row}), which is not finite: ` +
      "a fault of the backend or of the weights; run it with dtype float32 or another backend",
    { row, x, y, w, h },
  );
}
