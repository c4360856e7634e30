/** Binary masks as rectangles, which every surface can fill at any scale. */

/** A binary mask that stores only a rectangle of the picture, outside of which it is 0. */
export interface MaskWindow {
  /** Columns x0 to x1 − 1 and rows y0 to y1 − 1. */
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
  /** Row-major 0/1, (x1 − x0) × (y1 − y0). */
  readonly data: Uint8Array;
}

/** The set pixels as rectangles x0, y0, x1, y1, … that do not overlap: the runs of each row. */
export function maskRectangles({ x0, y0, x1, y1, data }: MaskWindow): number[] {
  const rectangles: number[] = [];
  const width = x1 - x0;
  for (let y = y0; y < y1; y++) {
    const row = (y - y0) * width;
    for (let x = 0; x < width; x++) {
      if (!data[row + x]) continue;
      const start = x;
      while (x < width && data[row + x]) x++;
      rectangles.push(x0 + start, y, x0 + x, y + 1);
    }
  }
  return rectangles;
}

/** A mask as COCO stores it. */
interface RunLengths {
  /** Lengths of alternating runs of 0 and 1 down the columns, beginning with 0. */
  readonly counts: readonly number[];
  readonly size: readonly [height: number, width: number];
}

/** The set pixels as rectangles x0, y0, x1, y1, … that do not overlap; equal runs of neighbouring columns are one. */
export function rleRectangles({ counts, size: [height] }: RunLengths): number[] {
  const rectangles: number[] = [];
  const add = (x: number, y0: number, y1: number): void => {
    const last = rectangles.length - 4;
    const grows = last >= 0 && rectangles[last + 2] === x && rectangles[last + 1] === y0 && rectangles[last + 3] === y1;
    if (grows) rectangles[last + 2]++;
    else rectangles.push(x, y0, x + 1, y1);
  };
  let position = 0;
  for (const [k, run] of counts.entries()) {
    const end = position + run;
    // A run continues at the top of the next column.
    while (k % 2 === 1 && position < end) {
      const y = position % height;
      const length = Math.min(end - position, height - y);
      add(Math.floor(position / height), y, y + length);
      position += length;
    }
    position = end;
  }
  return rectangles;
}
