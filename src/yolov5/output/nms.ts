/**
 * Decoded predictions → the boxes to keep, with the order of steps and the float32 arithmetic of YOLOv5 v7.0:
 * objectness filter, confidence = objectness × class, best class (or every class), class filter, sort, at most 30,000,
 * class offset of 7,680 px, IoU suppression, at most `maxDet`. Comparisons are strict. There is no time limit.
 */

import { NumericError, OptionError, ShapeError } from "../../errors.js";
import type { CandidateRows } from "../../runtime/backend.js";
import { formatShape, type HostTensor, toFloat32 } from "../../tensor/index.js";
import { sortDescending } from "./sort.js";
import { suppress } from "./suppress.js";

/** Options of `nonMaxSuppression`. */
export interface NmsOptions {
  /** Confidence threshold, 0 to 1, exclusive. Default 0.25 (`val` uses 0.001). */
  readonly conf?: number | undefined;
  /** IoU above which the weaker box goes, 0 to 1. Default 0.45 (`val` uses 0.6). */
  readonly iou?: number | undefined;
  /** Most boxes per image, cut after suppression. Default 1000 (`val` uses 300). */
  readonly maxDet?: number | undefined;
  /** Only these class indices; a box whose best class is another one is dropped, not relabelled. Default all. */
  readonly classes?: readonly number[] | undefined;
  /** Suppress across classes. Default false. */
  readonly agnostic?: boolean | undefined;
  /** Every class above the threshold instead of the best one. Default false; no effect on one-class models. */
  readonly multiLabel?: boolean | undefined;
  /** Mask coefficients at the end of each row (32 for segmentation models). Default 0. */
  readonly maskCoefficients?: number | undefined;
}

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

interface ResolvedNmsOptions {
  readonly conf: number;
  readonly iou: number;
  readonly maxDet: number;
  readonly classes: readonly number[] | undefined;
  readonly agnostic: boolean;
  readonly multiLabel: boolean;
  readonly maskCoefficients: number;
}

/** Candidates that enter suppression, at most. */
export const MAX_NMS = 30000;
/** Distance between the coordinate ranges of two classes, in pixels. */
export const CLASS_OFFSET = 7680;

/**
 * Non-maximum suppression of a batch.
 * @param prediction `[N, rows, 5 + classes (+ mask coefficients)]`: xywh in input pixels, objectness, class
 *   probabilities, coefficients; what `model.forward` returns.
 * @returns per image the kept boxes, by confidence, descending.
 * @throws ShapeError, OptionError; NumericError where a box that passes the thresholds is not finite.
 */
export function nonMaxSuppression(prediction: HostTensor, options: NmsOptions = {}): Candidate[][] {
  const { shape } = prediction;
  if (shape.length !== 3) {
    throw new ShapeError(`nms: prediction must be [N, rows, columns], not ${formatShape(shape)}`, { shape });
  }
  const [images, rows, columns] = shape;
  const data = toFloat32(prediction).data;
  const results: Candidate[][] = [];
  for (let n = 0; n < images; n++) {
    results.push(nonMaxSuppressionRows(data.subarray(n * rows * columns, (n + 1) * rows * columns), columns, options));
  }
  return results;
}

/**
 * `nonMaxSuppression` of rows, some or all, in ascending order of their numbers: where those that are missing do not pass the
 * confidence threshold, it gives the same boxes, bit for bit.
 */
export function suppressRows(candidates: readonly CandidateRows[], options: NmsOptions = {}): Candidate[][] {
  return candidates.map(({ data, columns, rows }) => nonMaxSuppressionRows(data, columns, options, rows));
}

/**
 * Non-maximum suppression of one image.
 * @param prediction row-major `[rows, columns]`, as in `nonMaxSuppression`.
 * @param numbers of the rows, where not all of an image's are given.
 */
export function nonMaxSuppressionRows(
  prediction: Float32Array,
  columns: number,
  options: NmsOptions = {},
  numbers?: Int32Array,
): Candidate[] {
  const resolved = resolve(options);
  const classCount = columns - 5 - resolved.maskCoefficients;
  if (classCount < 1 || prediction.length % columns !== 0) {
    throw new ShapeError(
      `nms: rows of ${columns} columns hold no class beside xywh, objectness and ${resolved.maskCoefficients} mask coefficients`,
      { columns, length: prediction.length, maskCoefficients: resolved.maskCoefficients },
    );
  }
  const numberOf = (row: number): number => (numbers ? numbers[row] : row);
  const found = filter(prediction, columns, classCount, resolved);
  if (found.count === 0) return [];
  const order = sortDescending(found.scores, found.count).subarray(0, MAX_NMS);

  const count = order.length;
  const [x1, y1, x2, y2] = [0, 1, 2, 3].map(() => new Float32Array(count));
  const raw = new Float32Array(count * 4);
  for (let k = 0; k < count; k++) {
    const candidate = order[k];
    const at = found.rows[candidate] * columns;
    const offset = resolved.agnostic ? 0 : Math.fround(found.classes[candidate] * CLASS_OFFSET);
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
      throw notFinite(prediction.subarray(at, at + 4), numberOf(found.rows[candidate]));
    }
  }

  const kept = suppress({ count, x1, y1, x2, y2 }, resolved.iou, resolved.maxDet);
  return Array.from(kept, (k) => {
    const row = found.rows[order[k]];
    const box = {
      x1: raw[4 * k],
      y1: raw[4 * k + 1],
      x2: raw[4 * k + 2],
      y2: raw[4 * k + 3],
      confidence: found.scores[order[k]],
      classIndex: found.classes[order[k]],
      row: numberOf(row),
    };
    if (resolved.maskCoefficients === 0) return box;
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

function resolve(options: NmsOptions): ResolvedNmsOptions {
  const resolved = {
    conf: options.conf ?? 0.25,
    iou: options.iou ?? 0.45,
    maxDet: options.maxDet ?? 1000,
    classes: options.classes,
    agnostic: options.agnostic ?? false,
    multiLabel: options.multiLabel ?? false,
    maskCoefficients: options.maskCoefficients ?? 0,
  };
  for (const name of ["conf", "iou"] as const) {
    const value = resolved[name];
    if (!(value >= 0 && value <= 1)) {
      throw new OptionError(`${name} must be between 0 and 1, not ${value}`, { [name]: value });
    }
  }
  if (!(Number.isInteger(resolved.maxDet) && resolved.maxDet >= 1)) {
    throw new OptionError(`maxDet must be a whole number above 0, not ${resolved.maxDet}`, { maxDet: resolved.maxDet });
  }
  for (const c of resolved.classes ?? []) {
    if (!(Number.isInteger(c) && c >= 0)) {
      throw new OptionError(`classes must be class indices (0, 1, 2, …), not ${c}`, { classes: resolved.classes });
    }
  }
  return resolved;
}
