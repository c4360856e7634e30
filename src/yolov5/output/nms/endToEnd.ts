/**
 * What end-to-end heads (v10, 26) do in place of suppression, as the newer package does it: the cells with the best scores, of
 * those the best pairs of cell and class, at most 300 each.
 */

import { ShapeError } from "../../../errors.js";
import type { CandidateOutputs, CandidateRows } from "../../../runtime/backend.js";
import { formatShape, type HostTensor, tensor, toFloat32 } from "../../../tensor/index.js";
import type { Candidate } from "./candidate.js";
import type { FilterOptions } from "./confidentRows.js";
import { sortDescending } from "./sort.js";

/** Cells that go on, and boxes that come out, at most. */
export const END_TO_END_BOXES = 300;

/** A cell and one of its classes. */
export interface PickedBox {
  /** Which of the given rows. */
  readonly row: number;
  readonly classIndex: number;
  readonly score: number;
}

/** Indices of the `count` highest of the scores, descending; equal ones keep their order. NaN counts as the lowest. */
function highest(scores: Float32Array, count: number): Uint32Array {
  // Scores are sigmoids: not negative. The sort knows no NaN.
  const comparable = scores.map((score) => (Number.isNaN(score) ? 0 : score));
  return sortDescending(comparable).subarray(0, count);
}

/**
 * The best pairs of cell and class, by score, descending.
 * @param rows row-major `[rows, columns]`: four numbers of the box, `classes` scores, and maybe more.
 * @param cells of the whole head: a few given rows may give more pairs than there are rows.
 */
export function pickBoxes(rows: Float32Array, columns: number, classes: number, cells?: number): PickedBox[] {
  const count = rows.length / columns;
  const best = new Float32Array(count);
  for (let row = 0; row < count; row++) {
    for (let c = 0; c < classes; c++) best[row] = Math.max(best[row], rows[row * columns + 4 + c]);
  }
  const chosen = highest(best, END_TO_END_BOXES);
  const scores = new Float32Array(chosen.length * classes);
  for (const [i, row] of chosen.entries()) {
    for (let c = 0; c < classes; c++) scores[i * classes + c] = rows[row * columns + 4 + c];
  }
  return Array.from(highest(scores, Math.min(END_TO_END_BOXES, cells ?? count)), (pair) => ({
    row: chosen[Math.floor(pair / classes)],
    classIndex: pair % classes,
    score: scores[pair],
  }));
}

/**
 * What an end-to-end head returns.
 * @param dense `[N, rows, 4 + classes + extras]`, boxes as corners.
 * @returns `[N, boxes, 6 + extras]`: x1, y1, x2, y2, score, class, then the rest; 300 boxes, or fewer if there are fewer cells.
 */
export function endToEndOutput(dense: HostTensor, classes: number): HostTensor<"float32"> {
  const [images, count, columns] = dense.shape;
  const extras = columns - 4 - classes;
  if (dense.shape.length !== 3 || extras < 0) {
    throw new ShapeError(`end-to-end: rows ${formatShape(dense.shape)} hold no ${classes} classes`, { classes });
  }
  const boxes = Math.min(END_TO_END_BOXES, count);
  const data = toFloat32(dense).data;
  const out = new Float32Array(images * boxes * (6 + extras));
  for (let n = 0; n < images; n++) {
    const rows = data.subarray(n * count * columns, (n + 1) * count * columns);
    out.set(packed(pickBoxes(rows, columns, classes), rows, columns, classes), n * boxes * (6 + extras));
  }
  return tensor("float32", [images, boxes, 6 + extras], out);
}

/** Picked boxes as rows: corners, score, class, then the rest. */
function packed(picked: readonly PickedBox[], rows: Float32Array, columns: number, classes: number): Float32Array {
  const width = 2 + columns - classes;
  const out = new Float32Array(picked.length * width);
  for (const [i, { row, classIndex, score }] of picked.entries()) {
    const at = i * width;
    out.set(rows.subarray(row * columns, row * columns + 4), at);
    out[at + 4] = score;
    out[at + 5] = classIndex;
    out.set(rows.subarray(row * columns + 4 + classes, (row + 1) * columns), at + 6);
  }
  return out;
}

/** What an end-to-end head returns, made of the rows that can become boxes. */
export function endToEndRows({ candidates, others }: CandidateOutputs, classes: number): CandidateOutputs {
  return { candidates: candidates.map((part) => pickedRows(part, classes)), others };
}

function pickedRows({ data, columns, total: cells }: CandidateRows, classes: number): CandidateRows {
  const width = 2 + columns - classes;
  const rows = packed(pickBoxes(data, columns, classes, cells), data, columns, classes);
  const total = rows.length / width;
  return { rows: Int32Array.from({ length: total }, (_, row) => row), data: rows, columns: width, total };
}

/**
 * The boxes of an end-to-end head above the confidence threshold: the first `maxDet` of them, then those of wanted classes.
 * @param rows row-major `[rows, columns]`, by score, descending: corners, score, class, then the rest.
 */
export function chosenBoxes(
  rows: Float32Array,
  columns: number,
  { conf, classes, maxDet }: Pick<FilterOptions, "conf" | "classes"> & { readonly maxDet: number },
): Candidate[] {
  const threshold = Math.fround(conf);
  const wanted = classes && new Set(classes);
  const found: Candidate[] = [];
  for (let row = 0, kept = 0; (row + 1) * columns <= rows.length && kept < maxDet; row++) {
    const [x1, y1, x2, y2, confidence, classIndex] = rows.subarray(row * columns, row * columns + 6);
    if (!(confidence > threshold)) continue;
    kept++;
    if (!wanted || wanted.has(classIndex)) found.push({ x1, y1, x2, y2, confidence, classIndex, row });
  }
  return found;
}
