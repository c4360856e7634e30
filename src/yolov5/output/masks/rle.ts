/** Run lengths of binary masks in COCO's format: column-major, the first run counts zeros. */

import { ShapeError } from "../../../errors.js";
import { rleRectangles } from "../../../image/draw/mask.js";

/** COCO's uncompressed RLE. */
export interface Rle {
  /** Lengths of alternating runs of 0 and 1 down the columns, beginning with 0 (possibly an empty run). */
  readonly counts: readonly number[];
  /** `[height, width]`. */
  readonly size: readonly [height: number, width: number];
}

/** A binary mask that stores only a rectangle; outside it everything is 0. */
export interface BinaryMask {
  readonly width: number;
  readonly height: number;
  /** Rectangle `[x0, x1)` × `[y0, y1)` within the mask; empty if no pixel is set. */
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
  /** Row-major 0/1, (x1 − x0) × (y1 − y0). */
  readonly data: Uint8Array;
}

/** A whole row-major 0/1 bitmap as a mask. */
export function maskFromBitmap(data: Uint8Array, height: number, width: number): BinaryMask {
  if (data.length !== height * width) {
    throw new ShapeError(`mask: ${data.length} bytes are not ${width}×${height}`, {
      length: data.length,
      height,
      width,
    });
  }
  return { width, height, x0: 0, y0: 0, x1: width, y1: height, data };
}

/** The whole mask, row-major 0/1, `height` × `width`. */
export function maskToBitmap(mask: BinaryMask): Uint8Array {
  const out = new Uint8Array(mask.width * mask.height);
  const w = mask.x1 - mask.x0;
  for (let y = mask.y0; y < mask.y1; y++) {
    const from = (y - mask.y0) * w;
    out.set(mask.data.subarray(from, from + w), y * mask.width + mask.x0);
  }
  return out;
}

/** Number of set pixels. */
export function maskArea(mask: BinaryMask): number {
  let area = 0;
  for (let i = 0; i < mask.data.length; i++) area += mask.data[i];
  return area;
}

export function encodeRle(mask: BinaryMask): Rle {
  const { x0, y0, x1, y1, data, width, height } = mask;
  const w = x1 - x0;
  const counts: number[] = [];
  let value = 0;
  // Position in column-major order where the current run began.
  let start = 0;
  const change = (position: number) => {
    counts.push(position - start);
    start = position;
    value ^= 1;
  };
  for (let x = x0; x < x1; x++) {
    for (let y = y0; y < y1; y++) {
      if (data[(y - y0) * w + x - x0] !== value) change(x * height + y);
    }
    if (value === 1 && y1 < height) change(x * height + y1);
    // A run that ends with its column continues if the next column is set from the top.
    if (value === 1 && (x + 1 === x1 || y0 > 0)) change((x + 1) * height);
  }
  const total = width * height;
  if (start < total || counts.length === 0) counts.push(total - start);
  return { counts, size: [height, width] };
}

/**
 * The mask as a row-major 0/1 bitmap, `size[0]` × `size[1]`.
 * @throws ShapeError if the runs do not add up to the size.
 */
export function decodeRle(rle: Rle): Uint8Array {
  const [height, width] = rle.size;
  const out = new Uint8Array(height * width);
  let position = 0;
  rle.counts.forEach((run, k) => {
    const end = position + run;
    if (!(run >= 0) || end > out.length) position = Number.NaN;
    if (k % 2 === 1) for (let p = position; p < end; p++) out[(p % height) * width + Math.floor(p / height)] = 1;
    position += run;
  });
  if (position !== out.length) {
    throw new ShapeError(`rle: the runs do not add up to ${width}×${height} pixels`, { size: rle.size });
  }
  return out;
}

/** Number of set pixels. */
export function rleArea(rle: Rle): number {
  return rle.counts.reduce((area, run, k) => (k % 2 === 1 ? area + run : area), 0);
}

/** Stretches of set pixels in column-major order: start, end, start, end, …. */
function stretchesOf({ counts }: Rle): number[] {
  const stretches: number[] = [];
  let position = 0;
  for (const [k, run] of counts.entries()) {
    if (k % 2 === 1 && run > 0) stretches.push(position, position + run);
    position += run;
  }
  return stretches;
}

/** The pixels that are set in any of the masks, which have one size. */
export function uniteRles(masks: readonly Rle[]): Rle {
  const [{ size }] = masks;
  const stretches = masks.flatMap((mask) => {
    const own = stretchesOf(mask);
    return Array.from({ length: own.length / 2 }, (_, i) => [own[2 * i], own[2 * i + 1]] as const);
  });
  stretches.sort(([a], [b]) => a - b);
  const counts: number[] = [];
  let end = 0;
  let start = 0;
  for (const [from, to] of stretches) {
    if (from <= end && counts.length > 0) {
      end = Math.max(end, to);
      continue;
    }
    if (counts.length > 0) counts.push(end - start);
    counts.push(from - end);
    [start, end] = [from, to];
  }
  if (counts.length > 0) counts.push(end - start);
  const total = size[0] * size[1];
  if (end < total || counts.length === 0) counts.push(total - end);
  return { counts, size };
}

/** A mask with the smallest rectangle around its set pixels. */
export function rleToMask(rle: Rle): BinaryMask {
  const [height, width] = rle.size;
  const rectangles = rleRectangles(rle);
  let [x0, y0, x1, y1] = [width, height, 0, 0];
  for (let i = 0; i < rectangles.length; i += 4) {
    x0 = Math.min(x0, rectangles[i]);
    y0 = Math.min(y0, rectangles[i + 1]);
    x1 = Math.max(x1, rectangles[i + 2]);
    y1 = Math.max(y1, rectangles[i + 3]);
  }
  if (rectangles.length === 0) return { width, height, x0: 0, y0: 0, x1: 0, y1: 0, data: new Uint8Array(0) };
  const row = x1 - x0;
  const data = new Uint8Array(row * (y1 - y0));
  for (let i = 0; i < rectangles.length; i += 4) {
    for (let y = rectangles[i + 1]; y < rectangles[i + 3]; y++) {
      data.fill(1, (y - y0) * row + rectangles[i] - x0, (y - y0) * row + rectangles[i + 2] - x0);
    }
  }
  return { width, height, x0, y0, x1, y1, data };
}
