/** COCO's run lengths, which go down the columns, as CVAT's, which go along the rows of a mask's own box. */

import { rleRectangles } from "../../image/draw/mask.js";
import type { Rle } from "../output/masks/rle.js";

export interface RowRuns {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  /** Alternating runs of 0 and 1 along the rows of the box, beginning with 0. */
  readonly runs: readonly number[];
}

/** @param rle of a mask with at least one pixel. */
export function rowRuns(rle: Rle): RowRuns {
  const rectangles = rleRectangles(rle);
  let [left, top, right, bottom] = rectangles;
  for (let i = 4; i < rectangles.length; i += 4) {
    left = Math.min(left, rectangles[i]);
    top = Math.min(top, rectangles[i + 1]);
    right = Math.max(right, rectangles[i + 2]);
    bottom = Math.max(bottom, rectangles[i + 3]);
  }
  const [width, height] = [right - left, bottom - top];
  const bits = new Uint8Array(width * height);
  for (let i = 0; i < rectangles.length; i += 4) {
    const [x0, y0, x1, y1] = rectangles.slice(i, i + 4);
    for (let y = y0; y < y1; y++) bits.fill(1, (y - top) * width + x0 - left, (y - top) * width + x1 - left);
  }
  const runs: number[] = [];
  let [value, start] = [0, 0];
  for (let at = 0; at <= bits.length; at++) {
    if (at < bits.length && bits[at] === value) continue;
    runs.push(at - start);
    [value, start] = [1 - value, at];
  }
  return { left, top, width, height, runs };
}
