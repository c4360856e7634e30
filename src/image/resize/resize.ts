/**
 * `cv2.resize(…, INTER_LINEAR)` on 8-bit RGB, bit for bit as OpenCV 4.6 computes it: half-pixel centres, coefficients
 * in units of 1/2048 from float32, integer sums with the roundings of its vectorised vertical pass.
 */

import { ShapeError } from "../../errors.js";
import type { RgbImage } from "../types.js";

/** Two neighbours for each index of a resized axis, clamped to the source, and their weights out of 2048. */
export interface ResizeAxis {
  readonly first: Int32Array;
  readonly second: Int32Array;
  readonly firstWeight: Int32Array;
  readonly secondWeight: Int32Array;
}

/** Coefficients are integers out of this (`INTER_RESIZE_COEF_SCALE`). */
const COEFFICIENT_SCALE = 2048;

/** Rounds half to even, for values far below 2^52. */
function rint(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
}

/**
 * Neighbours and weights of one axis. At the borders OpenCV clamps the fraction for columns, but only the indices for
 * rows.
 */
function axis(source: number, target: number, clampFraction: boolean): ResizeAxis {
  const table: ResizeAxis = {
    first: new Int32Array(target),
    second: new Int32Array(target),
    firstWeight: new Int32Array(target),
    secondWeight: new Int32Array(target),
  };
  // OpenCV divides twice; the double may differ from source / target in its last bit.
  const scale = 1 / (target / source);
  const last = source - 1;
  for (let i = 0; i < target; i++) {
    const position = Math.fround((i + 0.5) * scale - 0.5);
    let s = Math.floor(position);
    let f = Math.fround(position - s);
    if (clampFraction && (s < 0 || s >= last)) {
      s = s < 0 ? 0 : last;
      f = 0;
    }
    table.first[i] = Math.min(Math.max(s, 0), last);
    table.second[i] = Math.min(Math.max(s + 1, 0), last);
    table.firstWeight[i] = rint(Math.fround(1 - f) * COEFFICIENT_SCALE);
    table.secondWeight[i] = rint(f * COEFFICIENT_SCALE);
  }
  return table;
}

/**
 * The tables of a resize, for computing its sums elsewhere, such as on a GPU.
 * @throws ShapeError for empty sizes.
 */
export function resizeAxes(
  source: Pick<RgbImage, "width" | "height">,
  width: number,
  height: number,
): { readonly columns: ResizeAxis; readonly rows: ResizeAxis } {
  if (width < 1 || height < 1 || source.width < 1 || source.height < 1) {
    throw new ShapeError(`resize: cannot go from ${source.width}×${source.height} to ${width}×${height} pixels`, {
      from: [source.width, source.height],
      to: [width, height],
    });
  }
  return { columns: axis(source.width, width, true), rows: axis(source.height, height, false) };
}

/** The target of `resizeLinearInto`: a whole picture, or a window in a larger one. */
export interface ResizeTarget {
  readonly data: Uint8Array;
  /** Pixels per row of the target. */
  readonly rowPixels: number;
  /** Upper left corner of the window. */
  readonly x: number;
  readonly y: number;
}

/**
 * One output row from two source rows (byte offsets `upper` and `lower`) with their weights `b0` and `b1`. Horizontal
 * sums are cut by 4 bits and products by 16, as the vector code does; `Math.imul` keeps V8 in integer registers.
 */
function resizeRow(
  source: Uint8Array,
  upper: number,
  lower: number,
  columns: ResizeAxis,
  b0: number,
  b1: number,
  out: Uint8Array,
  start: number,
): void {
  const { first, second, firstWeight, secondWeight } = columns;
  const width = first.length;
  for (let x = 0, to = start; x < width; x++, to += 3) {
    const w0 = firstWeight[x];
    const w1 = secondWeight[x];
    const a = upper + first[x];
    const b = upper + second[x];
    const c = lower + first[x];
    const d = lower + second[x];
    out[to] =
      ((Math.imul(b0, (Math.imul(source[a], w0) + Math.imul(source[b], w1)) >> 4) >> 16) +
        (Math.imul(b1, (Math.imul(source[c], w0) + Math.imul(source[d], w1)) >> 4) >> 16) +
        2) >>
      2;
    out[to + 1] =
      ((Math.imul(b0, (Math.imul(source[a + 1], w0) + Math.imul(source[b + 1], w1)) >> 4) >> 16) +
        (Math.imul(b1, (Math.imul(source[c + 1], w0) + Math.imul(source[d + 1], w1)) >> 4) >> 16) +
        2) >>
      2;
    out[to + 2] =
      ((Math.imul(b0, (Math.imul(source[a + 2], w0) + Math.imul(source[b + 2], w1)) >> 4) >> 16) +
        (Math.imul(b1, (Math.imul(source[c + 2], w0) + Math.imul(source[d + 2], w1)) >> 4) >> 16) +
        2) >>
      2;
  }
}

/**
 * Resizes directly into a window of a larger picture, which saves letterbox a copy.
 * @throws ShapeError for empty sizes.
 */
export function resizeLinearInto(image: RgbImage, width: number, height: number, target: ResizeTarget): void {
  const { width: sourceWidth, data: source } = image;
  const { columns, rows } = resizeAxes(image, width, height);
  for (let x = 0; x < width; x++) {
    columns.first[x] *= 3;
    columns.second[x] *= 3;
  }
  const rowBytes = sourceWidth * 3;
  for (let y = 0; y < height; y++) {
    const start = ((target.y + y) * target.rowPixels + target.x) * 3;
    const upper = rows.first[y] * rowBytes;
    const lower = rows.second[y] * rowBytes;
    resizeRow(source, upper, lower, columns, rows.firstWeight[y], rows.secondWeight[y], target.data, start);
  }
}

/**
 * `cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)`; the same size returns the same picture.
 * @throws ShapeError for empty sizes.
 */
export function resizeLinear(image: RgbImage, width: number, height: number): RgbImage {
  if (width === image.width && height === image.height) return image;
  const data = new Uint8Array(width * height * 3);
  resizeLinearInto(image, width, height, { data, rowPixels: width, x: 0, y: 0 });
  return { width, height, data };
}
