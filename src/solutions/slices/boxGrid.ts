/** Finds the boxes near a box among very many. */

import type { Xyxy } from "../../boxes.js";

/** Boxes that cover more cells than this are in a list that every query looks through. */
const MOST_CELLS = 64;
/** More cells than a row has. */
const KEYS = 2 ** 24;

export class BoxGrid {
  private readonly boxes: readonly Xyxy[];
  private readonly cell: number;
  private readonly cells = new Map<number, number[]>();
  private readonly large: number[] = [];

  constructor(boxes: readonly Xyxy[]) {
    this.boxes = boxes;
    const sides = boxes.reduce((sum, [x1, y1, x2, y2]) => sum + (x2 - x1) + (y2 - y1), 0);
    this.cell = Math.max(sides / (2 * Math.max(boxes.length, 1)), 1);
    for (const [i, box] of boxes.entries()) {
      const keys = this.keysOf(box, 0);
      if (!keys) {
        this.large.push(i);
        continue;
      }
      for (const key of keys) {
        const list = this.cells.get(key);
        if (list) list.push(i);
        else this.cells.set(key, [i]);
      }
    }
  }

  /** Boxes that may overlap `box` or come as near as `margin`, and others, ascending. */
  near(box: Xyxy, margin: number): Iterable<number> {
    const keys = this.keysOf(box, margin);
    if (!keys) return this.boxes.keys();
    const found = new Set(this.large);
    for (const key of keys) for (const i of this.cells.get(key) ?? []) found.add(i);
    return [...found].sort((a, b) => a - b);
  }

  /** The cells that a box covers; undefined if there are too many. */
  private keysOf([x1, y1, x2, y2]: Xyxy, margin: number): number[] | undefined {
    const at = (value: number): number => Math.floor(value / this.cell);
    const [left, top, right, bottom] = [at(x1 - margin), at(y1 - margin), at(x2 + margin), at(y2 + margin)];
    if (!((right - left + 1) * (bottom - top + 1) <= MOST_CELLS)) return undefined;
    const keys: number[] = [];
    for (let y = top; y <= bottom; y++) for (let x = left; x <= right; x++) keys.push(y * KEYS + x);
    return keys;
  }
}
