/**
 * Upsamples components to the picture's full size like libjpeg-turbo: "fancy" triangle filters for factors of two,
 * repetition for other whole factors. Chroma samples lie between luma samples, hence the weights 3 : 1.
 */

import { damaged } from "./frame.js";

export interface Plane {
  /** Number of samples that belong to the picture. */
  readonly width: number;
  readonly height: number;
  /** Samples of a stored row. */
  readonly stride: number;
  readonly data: Uint8Array;
}

/** Writes picture row `y` of a plane into `out` (at least picture width + 2 × factor long). */
export type RowUpsampler = (y: number, out: Uint8Array) => void;

/**
 * @param h, v the component's sampling factors.
 * @param maxH, maxV the frame's largest.
 */
export function rowUpsampler(plane: Plane, h: number, v: number, maxH: number, maxV: number): RowUpsampler {
  const wide = h * 2 === maxH;
  const tall = v * 2 === maxV;
  if (h === maxH && v === maxV) return (y, out) => out.set(rowOf(plane, y));
  if (wide && v === maxV && plane.width > 2) return (y, out) => doubleColumns(rowOf(plane, y), out, plane.width);
  if (h === maxH && tall) return (y, out) => betweenRows(plane, y, out);
  if (wide && tall && plane.width > 2) return doubleBoth(plane);
  if (maxH % h !== 0 || maxV % v !== 0) return damaged("its sampling factors are not whole ratios");
  const [fx, fy] = [maxH / h, maxV / v];
  return (y, out) => {
    const row = rowOf(plane, Math.floor(y / fy));
    for (let x = 0, to = 0; x < plane.width; x++) for (let i = 0; i < fx; i++) out[to++] = row[x];
  };
}

function rowOf({ data, width, height, stride }: Plane, y: number): Uint8Array {
  const row = Math.max(0, Math.min(y, height - 1));
  return data.subarray(row * stride, row * stride + width);
}

/** 2 × 1 (4:2:2): each sample becomes two, each weighted towards its neighbour. */
function doubleColumns(row: Uint8Array, out: Uint8Array, width: number): void {
  out[0] = row[0];
  out[1] = (row[0] * 3 + row[1] + 2) >> 2;
  const last = width - 1;
  for (let x = 1; x < last; x++) {
    const near = row[x] * 3;
    out[x * 2] = (near + row[x - 1] + 1) >> 2;
    out[x * 2 + 1] = (near + row[x + 1] + 2) >> 2;
  }
  out[last * 2] = (row[last] * 3 + row[last - 1] + 1) >> 2;
  out[last * 2 + 1] = row[last];
}

/** 1 × 2 (4:4:0). */
function betweenRows(plane: Plane, y: number, out: Uint8Array): void {
  const near = rowOf(plane, y >> 1);
  const upper = (y & 1) === 0;
  const far = rowOf(plane, (y >> 1) + (upper ? -1 : 1));
  const bias = upper ? 1 : 2;
  for (let x = 0; x < plane.width; x++) out[x] = (near[x] * 3 + far[x] + bias) >> 2;
}

/** 2 × 2 (4:2:0): both filters at once, rounded once. */
function doubleBoth(plane: Plane): RowUpsampler {
  const sums = new Int32Array(plane.width);
  return (y, out) => {
    const near = rowOf(plane, y >> 1);
    const far = rowOf(plane, (y >> 1) + ((y & 1) === 0 ? -1 : 1));
    const last = plane.width - 1;
    for (let x = 0; x <= last; x++) sums[x] = near[x] * 3 + far[x];
    out[0] = (sums[0] * 4 + 8) >> 4;
    out[1] = (sums[0] * 3 + sums[1] + 7) >> 4;
    for (let x = 1; x < last; x++) {
      const here = sums[x] * 3;
      out[x * 2] = (here + sums[x - 1] + 8) >> 4;
      out[x * 2 + 1] = (here + sums[x + 1] + 7) >> 4;
    }
    out[last * 2] = (sums[last] * 3 + sums[last - 1] + 8) >> 4;
    out[last * 2 + 1] = (sums[last] * 4 + 7) >> 4;
  };
}
