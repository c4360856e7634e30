/**
 * Comparing boxes of networks with random weights, where float32 rounding decides some of them: which differences it explains.
 */

import type { Detection } from "../../../src/common.js";
import type { HostTensor } from "../../../src/tensor/index.js";
import type { ModelInfo } from "../../../src/yolov5/checkpoint/modelInfo.js";
import { type Size, scaleBackGeometry, scaleBox } from "../../../src/yolov5/output/boxes.js";
import { BOX_TOLERANCE, type ReferenceDetection, SCORE_TOLERANCE } from "./references.js";

/** Scores that the references, rounded to six decimals, record as 1. */
const SATURATED = 1 - 5e-7;
/** Own scores that may be one of those: a step of the decimals lower. */
const NEARLY_SATURATED = SATURATED - 2e-6;
/** Overlaps nearer to the threshold than this may fall on either side of it. */
const IOU_TOLERANCE = 1e-3;
/** Times the distance of two own backends that PyTorch may be away: its errors are those of a third one. */
const SPREADS = 4;

/** Of a box with anchors, whose size is a square of what the network gives: the share of it that rounding may add. */
const OF_ITS_SIZE = 1e-3;

type Corners = readonly [x1: number, y1: number, x2: number, y2: number];
type Wanted = Pick<ReferenceDetection, "box" | "score" | "cls">;

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
  /** The same rows as another backend computes them. */
  readonly other: () => Promise<HostTensor>;
  /** `[N, C, H, W]`. */
  readonly input: readonly number[];
  readonly original: { readonly width: number; readonly height: number };
  readonly info: Pick<ModelInfo, "family" | "endToEnd">;
  readonly iou: number;
  readonly maxDet: number;
}

/** A row that a box came from, before it was clipped to the picture. */
interface Traced {
  readonly row: number;
  readonly cls: number;
  readonly corners: Corners;
  readonly score: number;
}

/**
 * Networks of random weights amplify float32 rounding (PyTorch's own float32 differs from float64 by as much) and give
 * many classes nearly equal scores, so that a last bit decides which of two classes or boxes wins. This comparison
 * accepts such flips, but only where the raw prediction holds the very box: the score of its class within 1e-3, and coordinates as
 * for every box, with anchors within a thousandth of its size; or farther away where two own backends, one of them computing in
 * float64, differ in boxes of that score. How many
 * flips there are is for the caller to bound. Of boxes that tie at 1, the set must be the same: one that only one side has must have been
 * suppressed by a tied box of the other, or cut off there.
 */
export async function differencesBeyondRounding(
  actual: readonly Detection[],
  expected: readonly ReferenceDetection[],
  run: Run,
): Promise<RoundingReport> {
  const unexplained: string[] = [];
  const rows = new Rows(run);
  const own = actual.map(
    ({ xmin, ymin, xmax, ymax, confidence, class: cls }): Wanted => ({
      box: [xmin, ymin, xmax, ymax],
      score: confidence,
      cls,
    }),
  );
  const unused = new Set(own.keys());
  const take = (same: (box: Wanted) => boolean): boolean => {
    const at = [...unused].find((i) => same(own[i]));
    if (at !== undefined) unused.delete(at);
    return at !== undefined;
  };
  const near = (box: Wanted, wanted: Wanted): boolean =>
    box.cls === wanted.cls && Math.abs(box.score - wanted.score) <= SCORE_TOLERANCE;
  const missing = expected.filter(
    (wanted) => !take((box) => near(box, wanted) && apart(box.box, wanted.box) <= BOX_TOLERANCE),
  );
  const tiedBoxes = async (boxes: readonly Wanted[]): Promise<Traced[]> => {
    const traced: Traced[] = [];
    for (const box of boxes) if (box.score >= SATURATED) traced.push(...(await rows.trace(box)));
    return traced;
  };
  let [flipped, tied] = [0, 0];
  const ownTied = missing.some(({ score }) => score >= SATURATED) ? await tiedBoxes(own) : [];
  for (const wanted of missing) {
    const traced = await rows.trace(wanted);
    const found = new Set(traced.map(({ row }) => row));
    const sentence = `${wanted.name} ${wanted.score} [${wanted.box}]`;
    if (traced.length === 0) unexplained.push(`${sentence} is not in the prediction`);
    else if (take((box) => near(box, wanted) && found.has(rows.exact(box)))) continue;
    else if (wanted.score < SATURATED) flipped++;
    else if (traced.some((one) => one.score >= NEARLY_SATURATED && lost(one, ownTied, actual.length, run))) tied++;
    else unexplained.push(`${sentence} ties at 1 with nothing that could have taken its place`);
  }
  const extra = [...unused].filter((i) => own[i].score < SATURATED).length;
  const extraTied = [...unused].map((i) => own[i]).filter(({ score }) => score >= SATURATED);
  const theirs = extraTied.length > 0 ? await tiedBoxes(expected) : [];
  for (const box of extraTied) {
    const traced = await rows.trace(box);
    if (traced.some((one) => lost(one, theirs, expected.length, run))) continue;
    unexplained.push(`own class ${box.cls} ${box.score} [${box.box}] ties at 1 and is missing from the reference`);
  }
  return { unexplained, tied, flipped: Math.max(flipped, extra), boxes: expected.length };
}

/**
 * Whether a tied box may be missing where `rivals` are the tied boxes: suppressed by one of them, another class of the same row,
 * or cut off.
 */
function lost({ row, cls, corners }: Traced, rivals: readonly Traced[], kept: number, run: Run): boolean {
  if (kept >= run.maxDet) return true;
  if (run.info.endToEnd) return false;
  const overlaps = (other: Corners): boolean => overlap(other, corners) > run.iou - IOU_TOLERANCE;
  return rivals.some((rival) => rival.row === row || (rival.cls === cls && overlaps(rival.corners)));
}

function overlap(a: Corners, b: Corners): number {
  const side = (low: 0 | 1): number => Math.max(0, Math.min(a[low + 2], b[low + 2]) - Math.max(a[low], b[low]));
  const area = ([x1, y1, x2, y2]: Corners): number => (x2 - x1) * (y2 - y1);
  const both = side(0) * side(1);
  return both / (area(a) + area(b) - both);
}

/** Largest distance of two boxes' sides. */
const apart = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((value, i) => Math.abs(value - b[i])));

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

  /** The rows that hold the very box; several where boxes are clipped to the picture. */
  async trace(wanted: Wanted): Promise<Traced[]> {
    const { prediction } = this.run;
    const rows = Array.from({ length: prediction.shape[1] }, (_, row) => row).filter(
      (row) => Math.abs(this.score(prediction, row, wanted.cls) - wanted.score) <= 5 * SCORE_TOLERANCE,
    );
    const distance = (row: number): number => apart(this.box(prediction, row), wanted.box);
    const [x1, y1, x2, y2] = wanted.box;
    const large = this.run.info.family === "yolov5" ? OF_ITS_SIZE * Math.max(x2 - x1, y2 - y1) : 0;
    let found = rows.filter((row) => distance(row) <= BOX_TOLERANCE + large);
    if (found.length === 0 && rows.length > 0) {
      const spread = await this.spread(wanted.score);
      found = rows.filter((row) => distance(row) <= BOX_TOLERANCE + SPREADS * spread);
    }
    return found.map((row) => ({
      row,
      cls: wanted.cls,
      corners: this.corners(prediction, row),
      score: this.score(prediction, row, wanted.cls),
    }));
  }

  /** Largest distance of two own backends' boxes, of rows in which some class has that score. */
  private async spread(score: number): Promise<number> {
    const { prediction, info } = this.run;
    const other = await this.run.other();
    const [, count, columns] = prediction.shape;
    let largest = 0;
    for (let row = 0; row < count; row++) {
      const classes = Array.from({ length: columns - (info.family === "ultralytics" ? 4 : 5) }, (_, cls) => cls);
      if (!classes.some((cls) => Math.abs(this.score(prediction, row, cls) - score) <= 5 * SCORE_TOLERANCE)) continue;
      largest = Math.max(largest, apart(this.box(prediction, row), this.box(other, row)));
    }
    return largest;
  }

  /** The row of one of the own boxes. */
  exact({ box, cls, score }: Wanted): number {
    const { prediction } = this.run;
    for (let row = 0; row < prediction.shape[1]; row++) {
      if (this.score(prediction, row, cls) === score && apart(this.box(prediction, row), box) === 0) return row;
    }
    return -1;
  }

  private score({ data, shape }: HostTensor, row: number, cls: number): number {
    const start = row * shape[2];
    if (this.run.info.family === "ultralytics") return Number(data[start + 4 + cls]);
    return Math.fround(Number(data[start + 4]) * Number(data[start + 5 + cls]));
  }

  private corners({ data, shape }: HostTensor, row: number): Corners {
    const [x, y, w, h] = [0, 1, 2, 3].map((i) => Number(data[row * shape[2] + i]));
    if (this.run.info.endToEnd) return [x, y, w, h];
    return [x - w / 2, y - h / 2, x + w / 2, y + h / 2].map(Math.fround) as unknown as Corners;
  }

  private box(prediction: HostTensor, row: number): readonly number[] {
    const { family } = this.run.info;
    const geometry = scaleBackGeometry(this.from, this.to, family);
    return scaleBox([...this.corners(prediction, row)], this.from, this.to, geometry);
  }
}
