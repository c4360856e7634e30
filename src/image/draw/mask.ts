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
