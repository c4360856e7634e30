/**
 * Comparing boxes of networks with random weights, where float32 rounding decides some of them: which differences it explains.
 */

import type { Detection } from "../../src/common.js";
import type { HostTensor } from "../../src/tensor/index.js";
import type { ModelInfo } from "../../src/yolov5/checkpoint/modelInfo.js";
import { type Size, scaleBackGeometry, scaleBox } from "../../src/yolov5/output/boxes.js";
import { BOX_TOLERANCE, type ReferenceDetection, SCORE_TOLERANCE } from "./references.js";

/** Scores that the references, rounded to six decimals, record as 1. */
const SATURATED = 1 - 5e-7;

/** Overlaps nearer to the threshold than this may fall on either side of it. */
const IOU_TOLERANCE = 1e-3;

type Corners = readonly [x1: number, y1: number, x2: number, y2: number];

/** What a comparison with a network of random weights found. */
export interface RoundingReport {
  /** Boxes of either side that rounding does not explain: real differences. */
  readonly unexplained: readonly string[];
  /** Boxes that are there with the same numbers, but lost or won a near-tie (best class, threshold, IoU). */
  readonly flipped: number;
  /** Boxes that tie with others at exactly 1, whose order PyTorch leaves open, and with it which of them are cut off. */
  readonly tied: number;
  readonly boxes: number;
}

/** What is known of a result besides its boxes. */
export interface Run {
  /** All rows, before an end-to-end head picks some. */
  readonly prediction: HostTensor;
  /** `[N, C, H, W]`. */
  readonly input: readonly number[];
  readonly original: { readonly width: number; readonly height: number };
  readonly info: Pick<ModelInfo, "family" | "endToEnd" | "strides">;
  readonly iou: number;
  readonly maxDet: number;
}

/** A box with the row that it came from, before it was clipped to the picture. */
interface Traced {
  readonly row: number;
  readonly corners: Corners;
  readonly score: number;
}

/**
 * Networks of random weights amplify float32 rounding (PyTorch's own float32 differs from float64 by as much) and give
 * many classes nearly equal scores, so that a last bit decides which of two classes or boxes wins. This comparison
 * accepts such flips, but only where the raw prediction holds the very box: coordinates within a thousandth of its
 * size, or of the distance that a head without anchors predicts, the score of its class within 1e-3. How many there are
 * is for the caller to bound. Of boxes that tie at 1, the set must be the same: one that only one side has must have been
 * suppressed by a tied box of the other, or cut off there.
 */
export function differencesBeyondRounding(
  actual: readonly Detection[],
  expected: readonly ReferenceDetection[],
  run: Run,
): RoundingReport {
  const unexplained: string[] = [];
  let flipped = 0;
  const rows = new Rows(run);
  const missing: ReferenceDetection[] = [];
  const unused = new Set(actual.keys());
  for (const wanted of expected) {
    const at = [...unused].find((i) => {
      const { xmin, ymin, xmax, ymax, confidence } = actual[i];
      return (
        actual[i].class === wanted.cls &&
        Math.abs(confidence - wanted.score) <= SCORE_TOLERANCE &&
        sameNumbers([xmin, ymin, xmax, ymax], wanted.box)
      );
    });
    if (at === undefined) missing.push(wanted);
    else unused.delete(at);
  }
  let tied = 0;
  const own = actual.map(({ xmin, ymin, xmax, ymax, confidence, class: cls }) => ({
    box: [xmin, ymin, xmax, ymax] as const,
    score: confidence,
    cls,
  }));
  const rivals = { own: tiedBoxes(own, rows), reference: tiedBoxes(expected, rows) };
  for (const wanted of missing) {
    const traced = rows.trace(wanted);
    const sentence = `${wanted.name} ${wanted.score} [${wanted.box}]`;
    if (!traced) unexplained.push(sentence);
    else if (wanted.score < SATURATED) flipped++;
    else if (traced.score >= SATURATED && lost(wanted.cls, traced, rivals.own, actual.length, run)) tied++;
    else
      unexplained.push(
        `${sentence} ties at 1 with nothing that could have taken its place (own score ${traced.score})`,
      );
  }
  let extra = 0;
  for (const i of unused) {
    const box = own[i];
    if (box.score < SATURATED) extra++;
    else {
      const traced = rows.trace(box);
      if (traced && lost(box.cls, traced, rivals.reference, expected.length, run)) continue;
      unexplained.push(`own class ${box.cls} ${box.score} [${box.box}] ties at 1 and is missing from the reference`);
    }
  }
  return { unexplained, tied, flipped: Math.max(flipped, extra), boxes: expected.length };
}

/**
 * Whether a tied box may be missing where `rivals` are the tied boxes: suppressed by one of them, another class of the same row,
 * or cut off.
 */
function lost(
  cls: number,
  { row, corners }: Traced,
  rivals: readonly (Traced & { readonly cls: number })[],
  kept: number,
  { iou, maxDet, info }: Run,
): boolean {
  if (kept >= maxDet) return true;
  if (info.endToEnd) return false;
  return rivals.some(
    (rival) => rival.row === row || (rival.cls === cls && overlap(rival.corners, corners) > iou - IOU_TOLERANCE),
  );
}

function tiedBoxes(
  boxes: readonly Pick<ReferenceDetection, "box" | "score" | "cls">[],
  rows: Rows,
): (Traced & { readonly cls: number })[] {
  return boxes.flatMap((box) => {
    const traced = box.score >= SATURATED ? rows.trace(box) : undefined;
    return traced ? [{ ...traced, cls: box.cls }] : [];
  });
}

function overlap(a: Corners, b: Corners): number {
  const side = (low: 0 | 1): number => Math.max(0, Math.min(a[low + 2], b[low + 2]) - Math.max(a[low], b[low]));
  const area = ([x1, y1, x2, y2]: Corners): number => (x2 - x1) * (y2 - y1);
  const both = side(0) * side(1);
  return both / (area(a) + area(b) - both);
}

function sameNumbers(box: readonly number[], wanted: Corners, reach = 0): boolean {
  const size = Math.max(wanted[2] - wanted[0], wanted[3] - wanted[1], reach);
  return box.every((value, i) => Math.abs(value - wanted[i]) <= BOX_TOLERANCE + 1e-3 * size);
}

/** The raw prediction, row by row. */
class Rows {
  private readonly run: Run;
  private readonly from: Size;
  private readonly to: Size;

  constructor(run: Run) {
    this.run = run;
    this.from = [run.input[2], run.input[3]];
    this.to = [run.original.height, run.original.width];
  }

  /** The row that holds the very box, the nearest of several. */
  trace({ box, score, cls }: Pick<ReferenceDetection, "box" | "score" | "cls">): Traced | undefined {
    const { prediction, info } = this.run;
    const [, rows, columns] = prediction.shape;
    const data = prediction.data as Float32Array;
    const geometry = scaleBackGeometry(this.from, this.to, info.family);
    let found: Traced | undefined;
    let nearest = Number.POSITIVE_INFINITY;
    for (let row = 0; row < rows; row++) {
      const start = row * columns;
      const own = info.family === "yolov5" ? data[start + 4] * data[start + 5 + cls] : data[start + 4 + cls];
      if (Math.abs(own - score) > 5 * SCORE_TOLERANCE) continue;
      const [x, y, w, h] = data.subarray(start, start + 4);
      const corners: Corners = info.endToEnd ? [x, y, w, h] : [x - w / 2, y - h / 2, x + w / 2, y + h / 2];
      // Heads without anchors predict the distances to the sides, which in untrained ones may put a side beyond its opposite.
      const reach =
        info.family === "yolov5" ? 0 : farthest(corners, cellCentre(row, this.from, info.strides)) / geometry.gain;
      const scaled = scaleBox(corners, this.from, this.to, geometry);
      const distance = Math.max(...scaled.map((value, i) => Math.abs(value - box[i])));
      if (distance < nearest && sameNumbers(scaled, box, reach)) {
        found = { row, corners, score: own };
        nearest = distance;
      }
    }
    return found;
  }
}

/** Centre of the cell that a row of a head without anchors belongs to, in input pixels. */
function cellCentre(row: number, [height, width]: Size, strides: readonly number[]): readonly [x: number, y: number] {
  let rest = row;
  for (const stride of strides) {
    const [rows, columns] = [height / stride, width / stride];
    if (rest < rows * columns) {
      return [((rest % columns) + 0.5) * stride, (Math.floor(rest / columns) + 0.5) * stride];
    }
    rest -= rows * columns;
  }
  throw new Error(`row ${row} is beyond the cells of ${height}×${width}`);
}

function farthest(corners: readonly number[], centre: readonly [x: number, y: number]): number {
  return Math.max(...corners.map((value, i) => Math.abs(value - centre[i % 2])));
}
