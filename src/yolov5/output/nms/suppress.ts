/**
 * Greedy suppression of overlapping boxes with the float32 arithmetic of torchvision's CPU `nms`. A hash grid over
 * the kept boxes finds the few that can overlap. It skips only pairs with an empty intersection, so the result is
 * exactly that of the quadratic loop.
 */

/** Boxes as columns, sorted by score, descending. Coordinates are compared as they are (class offsets already added). */
export interface SortedBoxes {
  readonly count: number;
  readonly x1: Float32Array;
  readonly y1: Float32Array;
  readonly x2: Float32Array;
  readonly y2: Float32Array;
}

/** Boxes that cover more cells than this are kept in a list that every query scans. */
const MAX_CELLS = 16;
/** Up to this number, scanning all kept boxes is faster than a grid. */
const BRUTE_FORCE = 192;
/** Cell coordinates beyond this would not step by one. */
const MAX_COORDINATE = 2 ** 30;

/**
 * Indices (ascending, so by score) of the kept boxes: each one whose IoU with every kept box before it is not above
 * the threshold. Stops after `maxKept`, which is equivalent to truncating afterwards.
 * @param iouThreshold 0 to 1; the float32 IoU is compared with this double, strictly, as torchvision does.
 */
export function suppress(boxes: SortedBoxes, iouThreshold: number, maxKept: number): Uint32Array {
  const { count, x1, y1, x2, y2 } = boxes;
  const areas = new Float32Array(count);
  for (let i = 0; i < count; i++) areas[i] = Math.fround(x2[i] - x1[i]) * Math.fround(y2[i] - y1[i]);

  const overlaps = (i: number, j: number): boolean => {
    const w = Math.fround(Math.min(x2[i], x2[j]) - Math.max(x1[i], x1[j]));
    if (!(w > 0)) return false;
    const h = Math.fround(Math.min(y2[i], y2[j]) - Math.max(y1[i], y1[j]));
    if (!(h > 0)) return false;
    const inter = Math.fround(w * h);
    return Math.fround(inter / Math.fround(Math.fround(areas[i] + areas[j]) - inter)) > iouThreshold;
  };

  const kept = new Uint32Array(Math.min(count, maxKept));
  let keptCount = 0;
  const grid = count > BRUTE_FORCE ? new KeptGrid(boxes) : undefined;
  for (let j = 0; j < count && keptCount < kept.length; j++) {
    if (grid ? grid.suppressed(j, overlaps) : someOverlap(kept, keptCount, j, overlaps)) continue;
    kept[keptCount++] = j;
    grid?.insert(j);
  }
  return kept.subarray(0, keptCount);
}

type Overlaps = (i: number, j: number) => boolean;

function someOverlap(list: Uint32Array | readonly number[], length: number, j: number, overlaps: Overlaps): boolean {
  for (let k = 0; k < length; k++) if (overlaps(list[k], j)) return true;
  return false;
}

/**
 * Kept boxes by the cells they cover, in a hash table (collisions only add candidates). Two boxes with a non-empty
 * intersection share the cell of its upper left corner, as division and floor are monotonic.
 */
class KeptGrid {
  readonly #boxes: SortedBoxes;
  readonly #cell: number;
  readonly #mask: number;
  /** First entry of each bucket, −1 if empty; entries are linked through `#next`. */
  readonly #heads: Int32Array;
  readonly #next: number[] = [];
  readonly #entries: number[] = [];
  readonly #large: number[] = [];
  readonly #all: number[] = [];
  /** Cells of the last queried box: columns and rows, inclusive. */
  #left = 0;
  #right = 0;
  #top = 0;
  #bottom = 0;

  constructor(boxes: SortedBoxes) {
    this.#boxes = boxes;
    let sides = 0;
    for (let i = 0; i < boxes.count; i++) sides += boxes.x2[i] - boxes.x1[i] + boxes.y2[i] - boxes.y1[i];
    const mean = sides / (2 * boxes.count);
    this.#cell = mean > 1 && mean < MAX_COORDINATE ? mean : 1;
    const size = 2 ** Math.ceil(Math.log2(boxes.count * 4));
    this.#mask = size - 1;
    this.#heads = new Int32Array(size).fill(-1);
  }

  suppressed(j: number, overlaps: Overlaps): boolean {
    if (!this.#locate(j)) return someOverlap(this.#all, this.#all.length, j, overlaps);
    if (someOverlap(this.#large, this.#large.length, j, overlaps)) return true;
    for (let row = this.#top; row <= this.#bottom; row++) {
      for (let column = this.#left; column <= this.#right; column++) {
        for (let e = this.#heads[this.#bucket(column, row)]; e >= 0; e = this.#next[e]) {
          if (overlaps(this.#entries[e], j)) return true;
        }
      }
    }
    return false;
  }

  insert(j: number): void {
    this.#all.push(j);
    if (!this.#locate(j)) {
      this.#large.push(j);
      return;
    }
    for (let row = this.#top; row <= this.#bottom; row++) {
      for (let column = this.#left; column <= this.#right; column++) {
        const bucket = this.#bucket(column, row);
        this.#next.push(this.#heads[bucket]);
        this.#heads[bucket] = this.#entries.length;
        this.#entries.push(j);
      }
    }
  }

  /** Sets the cells of box `j`; false if there are too many or they are out of range. */
  #locate(j: number): boolean {
    const { x1, y1, x2, y2 } = this.#boxes;
    this.#left = Math.floor(x1[j] / this.#cell);
    this.#right = Math.floor(x2[j] / this.#cell);
    this.#top = Math.floor(y1[j] / this.#cell);
    this.#bottom = Math.floor(y2[j] / this.#cell);
    return (
      this.#left > -MAX_COORDINATE &&
      this.#top > -MAX_COORDINATE &&
      this.#right < MAX_COORDINATE &&
      this.#bottom < MAX_COORDINATE &&
      (this.#right - this.#left + 1) * (this.#bottom - this.#top + 1) <= MAX_CELLS
    );
  }

  #bucket(column: number, row: number): number {
    const hash = Math.imul(column, 0x9e3779b1) ^ Math.imul(row, 0x85ebca6b);
    return (hash ^ (hash >>> 15)) & this.#mask;
  }
}
