/**
 * Outer contours of binary masks: border following after Suzuki and Abe, "Topological structural analysis of digitized
 * binary images by border following" (1985), with the points and the order of OpenCV's `findContours(RETR_EXTERNAL,
 * CHAIN_APPROX_SIMPLE)`, 8-connected, straight runs reduced to their ends.
 */

import { type Size, scaleBackGeometry, scaleCoordinate } from "../boxes.js";
import type { BinaryMask } from "./rle.js";

/** x, y, x, y, … in pixels. */
export type Contour = Int32Array;

/** Steps in the order of chain codes: right, up right, up, … counter-clockwise on a picture with y downwards. */
const DX = [1, 1, 0, -1, -1, -1, 0, 1];
const DY = [0, -1, -1, -1, 0, 1, 1, 1];

/** Marks for pixels on a followed border; `RIGHT` if the pixel to the right is 0. */
const UNVISITED = 1;
const BORDER = 2;
const RIGHT = -2;

/** All outer contours, the last one found in a raster scan first, as OpenCV lists them. */
export function findExternalContours(mask: BinaryMask): Contour[] {
  const w = mask.x1 - mask.x0;
  const h = mask.y1 - mask.y0;
  // A border of zeros avoids bounds checks.
  const stride = w + 2;
  const image = new Int8Array(stride * (h + 2));
  for (let y = 0; y < h; y++) image.set(mask.data.subarray(y * w, (y + 1) * w), (y + 1) * stride + 1);

  const contours: Contour[] = [];
  for (let y = 1; y <= h; y++) {
    // The last border pixel met in this row tells whether the scan is inside a component already followed.
    let last = 0;
    let previous = 0;
    for (let x = 1; x <= w; x++) {
      const at = y * stride + x;
      if (previous === 0 && image[at] === UNVISITED && last <= 0) {
        contours.push(follow(image, stride, at, mask.x0 - 1, mask.y0 - 1));
      }
      previous = image[at];
      if (previous !== 0 && previous !== UNVISITED) last = previous;
    }
  }
  return contours.reverse();
}

/** Follows one outer border from its first pixel of the raster scan and marks it. */
function follow(image: Int8Array, stride: number, start: number, offsetX: number, offsetY: number): Contour {
  const step = DX.map((dx, code) => dx + DY[code] * stride);
  const points: number[] = [];
  const add = (at: number) => points.push((at % stride) + offsetX, Math.floor(at / stride) + offsetY);

  // Clockwise from the left neighbour to the first pixel that is set.
  let code = 4;
  do code = (code - 1) & 7;
  while (image[start + step[code]] === 0 && code !== 4);
  if (code === 4) {
    image[start] = RIGHT;
    add(start);
    return Int32Array.from(points);
  }

  const second = start + step[code];
  let at = start;
  let previousCode = code ^ 4;
  for (;;) {
    // Counter-clockwise from where the border came from.
    let turned = code;
    do turned++;
    while (image[at + step[turned & 7]] === 0);
    code = turned & 7;
    // The search went past the right neighbour (code 0): it is 0.
    if (turned > 8) image[at] = RIGHT;
    else if (image[at] === UNVISITED) image[at] = BORDER;
    if (code !== previousCode) {
      add(at);
      previousCode = code;
    }
    const next = at + step[code];
    if (next === start && at === second) return Int32Array.from(points);
    at = next;
    code = (code + 4) & 7;
  }
}

/** The contour with the most points (v7.0's strategy "largest"), the first among equals; empty for an empty mask. */
export function largestContour(mask: BinaryMask): Contour {
  let best: Contour = new Int32Array(0);
  for (const contour of findExternalContours(mask)) if (contour.length > best.length) best = contour;
  return best;
}

/**
 * The largest contour for `--save-txt`: x, y, x, y, … divided by the original's width and height.
 * @param mask at the network's input size, or at the original size (not scaled then).
 * @param original `[height, width]` of the original picture.
 */
export function normalizedPolygon(mask: BinaryMask, original: Size): Float32Array {
  const { gain, padX, padY } = scaleBackGeometry([mask.height, mask.width], original);
  return Float32Array.from(largestContour(mask), (value, i) =>
    i % 2 === 0
      ? scaleCoordinate(value, padX, gain, original[1]) / original[1]
      : scaleCoordinate(value, padY, gain, original[0]) / original[0],
  );
}
