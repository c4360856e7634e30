/**
 * `cv2.resize(…, INTER_AREA)` on 8-bit RGB, bit for bit as OpenCV 4.6 computes it when shrinking: exact averages for
 * whole ratios, float32 sums of weighted cells otherwise. When either side grows, OpenCV uses bilinear interpolation
 * with its own coefficients; that path is not needed here and is refused.
 */

import { ShapeError } from "../../errors.js";
import type { RgbImage } from "../types.js";

/** Source cells of the output cells of one axis, flattened: `from[k]` adds `weight[k]` times to `to[k]`. */
interface Cells {
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly weight: Float32Array;
}

/** OpenCV's `computeResizeAreaTab`: slivers below 1/1000 of a pixel are omitted. */
function cells(source: number, target: number, scale: number): Cells {
  const from: number[] = [];
  const to: number[] = [];
  const weight: number[] = [];
  for (let i = 0; i < target; i++) {
    const begin = i * scale;
    const end = begin + scale;
    const cell = Math.min(scale, source - begin);
    let first = Math.ceil(begin);
    let last = Math.floor(end);
    last = Math.min(last, source - 1);
    first = Math.min(first, last);
    if (first - begin > 1e-3) {
      to.push(i);
      from.push(first - 1);
      weight.push((first - begin) / cell);
    }
    for (let s = first; s < last; s++) {
      to.push(i);
      from.push(s);
      weight.push(1 / cell);
    }
    if (end - last > 1e-3) {
      to.push(i);
      from.push(last);
      weight.push(Math.min(Math.min(end - last, 1), cell) / cell);
    }
  }
  return { from: Int32Array.from(from), to: Int32Array.from(to), weight: Float32Array.from(weight) };
}

/** `saturate_cast<uchar>` of a float that is not negative: half to even. */
function roundByte(value: number): number {
  const floor = value | 0;
  const rest = value - floor;
  const rounded = rest > 0.5 || (rest === 0.5 && (floor & 1) === 1) ? floor + 1 : floor;
  return Math.min(rounded, 255);
}

/** Both ratios whole: the average of each block. */
function averageBlocks(image: RgbImage, width: number, height: number, xs: number, ys: number): Uint8Array {
  const { data: source, width: sourceWidth } = image;
  const out = new Uint8Array(width * height * 3);
  const inverse = Math.fround(1 / (xs * ys));
  const rowBytes = sourceWidth * 3;
  let to = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const corner = y * ys * rowBytes + x * xs * 3;
      for (let c = 0; c < 3; c++, to++) {
        let sum = 0;
        for (let v = 0; v < ys; v++) {
          for (let u = 0; u < xs; u++) sum += source[corner + v * rowBytes + u * 3 + c];
        }
        out[to] = xs === 2 && ys === 2 ? (sum + 2) >> 2 : roundByte(Math.fround(sum * inverse));
      }
    }
  }
  return out;
}

/** Adds up the weighted pixels of each cell of a row, in float32 as OpenCV does. */
function shrinkRow(source: Uint8Array, start: number, { from, to, weight }: Cells, row: Float32Array): void {
  for (let j = 0; j < to.length; ) {
    const cell = to[j];
    let red = 0;
    let green = 0;
    let blue = 0;
    for (; j < to.length && to[j] === cell; j++) {
      const pixel = start + from[j] * 3;
      const alpha = weight[j];
      red = Math.fround(red + Math.fround(source[pixel] * alpha));
      green = Math.fround(green + Math.fround(source[pixel + 1] * alpha));
      blue = Math.fround(blue + Math.fround(source[pixel + 2] * alpha));
    }
    row[cell * 3] = red;
    row[cell * 3 + 1] = green;
    row[cell * 3 + 2] = blue;
  }
}

/** Any ratio ≥ 1: rows are shrunk to float32 sums, then added up with their vertical weights. */
function averageCells(image: RgbImage, width: number, height: number): Uint8Array {
  const { data: source, width: sourceWidth, height: sourceHeight } = image;
  const columns = cells(sourceWidth, width, 1 / (width / sourceWidth));
  const rows = cells(sourceHeight, height, 1 / (height / sourceHeight));
  const out = new Uint8Array(width * height * 3);
  const row = new Float32Array(width * 3);
  const sum = new Float32Array(width * 3);
  let current = rows.to.length > 0 ? rows.to[0] : 0;
  let shrunk = -1;
  const flush = (y: number) => {
    const at = y * width * 3;
    for (let i = 0; i < sum.length; i++) out[at + i] = roundByte(sum[i]);
    sum.fill(0);
  };
  for (let k = 0; k < rows.to.length; k++) {
    const start = rows.from[k] * sourceWidth * 3;
    const beta = rows.weight[k];
    // A source row that two cells share is shrunk once.
    if (start !== shrunk) shrinkRow(source, start, columns, row);
    shrunk = start;
    if (rows.to[k] !== current) {
      flush(current);
      current = rows.to[k];
    }
    for (let i = 0; i < sum.length; i++) sum[i] += Math.fround(beta * row[i]);
  }
  flush(current);
  return out;
}

/**
 * `cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)` for shrinking (neither side may grow).
 * @throws ShapeError when a side would grow or is empty.
 */
export function resizeArea(image: RgbImage, width: number, height: number): RgbImage {
  const { width: sourceWidth, height: sourceHeight } = image;
  if (width < 1 || height < 1 || width > sourceWidth || height > sourceHeight) {
    throw new ShapeError(
      `resizeArea: cannot go from ${sourceWidth}×${sourceHeight} to ${width}×${height} pixels; it only shrinks`,
      { from: [sourceWidth, sourceHeight], to: [width, height] },
    );
  }
  if (width === sourceWidth && height === sourceHeight) return image;
  const xs = sourceWidth / width;
  const ys = sourceHeight / height;
  if (Number.isInteger(xs) && Number.isInteger(ys)) {
    return { width, height, data: averageBlocks(image, width, height, xs, ys) };
  }
  return { width, height, data: averageCells(image, width, height) };
}
