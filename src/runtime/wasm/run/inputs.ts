/** Writes a run's inputs into the model's memory: tensors, or pictures that are resized on the way. */

import { ShapeError } from "../../../errors.js";
import type { AxisTaps, DevicePicture } from "../../backend.js";
import type { PaddedPlanes } from "../lower/steps.js";
import type { PictureWriter } from "./pictureRows.js";

/** Where the planes of a [N, C, H, W] input lie, in floats. */
export interface InputPlanes {
  readonly shape: readonly number[];
  /** The first pixel of the first plane, and the distances from there. */
  readonly first: number;
  readonly row: number;
  readonly plane: number;
}

/** byte / 255 in float32. */
const LEVELS = Float32Array.from({ length: 256 }, (_, level) => level / 255);

/** Planes side by side, from float `base` of the memory on. */
export function densePlanes(shape: readonly number[], base: number): InputPlanes {
  const [, , h, w] = shape;
  return { shape, first: base, row: w, plane: h * w };
}

/** Planes with a border, from float `base` of the memory on. Writes its zeros: other values may have been there since. */
export function paddedPlanes(memory: Float32Array, base: number, place: PaddedPlanes): InputPlanes {
  const { n, c, h, w, padding, row, plane } = place;
  const [top, left] = padding;
  for (let p = 0; p < n * c; p++) {
    const start = base + p * plane;
    memory.fill(0, start, start + top * row + left);
    for (let y = 0; y < h; y++) {
      // The right border of this row and the left one of the next.
      const at = start + (top + y) * row + left + w;
      memory.fill(0, at, at + 2 * left);
    }
    memory.fill(0, start + (top + h) * row, start + plane);
  }
  return { shape: [n, c, h, w], first: base + top * row + left, row, plane };
}

export function writeTensor(memory: Float32Array, { shape, first, row, plane }: InputPlanes, data: Float32Array): void {
  const [n, c, h, w] = shape;
  for (let p = 0; p < n * c; p++) {
    for (let y = 0; y < h; y++) {
      memory.set(data.subarray((p * h + y) * w, (p * h + y + 1) * w), first + p * plane + y * row);
    }
  }
}

/**
 * Resizes pictures as `cv2.resize` does and writes them as floats, with grey around them.
 * @param writer does it faster, where the host has one
 * @throws ShapeError for a different number of pictures, or parts beyond the input.
 */
export function writePictures(
  memory: Float32Array,
  planes: InputPlanes,
  pictures: readonly DevicePicture[],
  writer: PictureWriter | undefined,
): void {
  const [n, , height, width] = planes.shape;
  if (pictures.length !== n) throw new ShapeError(`run: ${pictures.length} pictures given, the plan is for ${n}`);
  for (const [i, picture] of pictures.entries()) {
    const { x, y, columns, rows } = picture;
    const [w, h] = [columns.first.length, rows.first.length];
    if (x + w > width || y + h > height) {
      throw new ShapeError(`run: ${w}×${h} pixels at ${x}, ${y} are beyond ${width}×${height}`);
    }
    writePicture(memory, { ...planes, first: planes.first + i * 3 * planes.plane }, picture, writer);
  }
}

function writePicture(
  memory: Float32Array,
  planes: InputPlanes,
  picture: DevicePicture,
  writer: PictureWriter | undefined,
): void {
  const { pixels, x, y, columns, rows, grey } = picture;
  const [, , height, width] = planes.shape;
  const { first, row, plane } = planes;
  const right = x + columns.first.length;
  const bottom = y + rows.first.length;
  for (let c = 0; c < 3; c++) {
    for (let line = 0; line < height; line++) {
      const start = first + c * plane + line * row;
      const inside = line >= y && line < bottom;
      if (!inside || x > 0) memory.fill(LEVELS[grey], start, start + (inside ? x : width));
      if (inside && right < width) memory.fill(LEVELS[grey], start + right, start + width);
    }
  }
  const { data, width: sourceWidth, channels } = pixels;
  const same = unscaled(columns) && unscaled(rows);
  if (writer?.takes(picture)) {
    const target = { first: first + y * row + x, row, plane };
    if (same) writer.copy(picture, target);
    else writer.resize(picture, target);
    return;
  }
  for (let line = 0; line < rows.first.length; line++) {
    const red = first + (y + line) * row + x;
    const upper = rows.first[line] * sourceWidth * channels;
    if (same) {
      copyRow(memory, data, channels, upper, columns.first.length, red, plane);
    } else {
      const lower = rows.second[line] * sourceWidth * channels;
      const weights = { upper: rows.firstWeight[line], lower: rows.secondWeight[line] };
      resizeRow(memory, data, channels, { upper, lower }, weights, columns, red, plane);
    }
  }
}

const unscaled = ({ first, secondWeight }: AxisTaps): boolean =>
  first.every((from, i) => from === i) && secondWeight.every((weight) => weight === 0);

type Bytes = Uint8Array | Uint8ClampedArray;

function copyRow(
  memory: Float32Array,
  source: Bytes,
  channels: number,
  from: number,
  count: number,
  red: number,
  plane: number,
): void {
  const green = red + plane;
  const blue = green + plane;
  for (let i = 0, at = from; i < count; i++, at += channels) {
    memory[red + i] = LEVELS[source[at]];
    memory[green + i] = LEVELS[source[at + 1]];
    memory[blue + i] = LEVELS[source[at + 2]];
  }
}

/**
 * OpenCV's sums: horizontal ones are cut by 4 bits and products by 16, as its vector code does. `Math.imul` keeps V8
 * in integer registers.
 */
function resizeRow(
  memory: Float32Array,
  source: Bytes,
  channels: number,
  at: { readonly upper: number; readonly lower: number },
  weights: { readonly upper: number; readonly lower: number },
  columns: AxisTaps,
  red: number,
  plane: number,
): void {
  const { first, second, firstWeight, secondWeight } = columns;
  const { upper, lower } = at;
  const { upper: b0, lower: b1 } = weights;
  const green = red + plane;
  const blue = green + plane;
  const width = first.length;
  for (let x = 0; x < width; x++) {
    const w0 = firstWeight[x];
    const w1 = secondWeight[x];
    const left = Math.imul(first[x], channels);
    const right = Math.imul(second[x], channels);
    const a = upper + left;
    const b = upper + right;
    const c = lower + left;
    const d = lower + right;
    memory[red + x] =
      LEVELS[
        ((Math.imul(b0, (Math.imul(source[a], w0) + Math.imul(source[b], w1)) >> 4) >> 16) +
          (Math.imul(b1, (Math.imul(source[c], w0) + Math.imul(source[d], w1)) >> 4) >> 16) +
          2) >>
          2
      ];
    memory[green + x] =
      LEVELS[
        ((Math.imul(b0, (Math.imul(source[a + 1], w0) + Math.imul(source[b + 1], w1)) >> 4) >> 16) +
          (Math.imul(b1, (Math.imul(source[c + 1], w0) + Math.imul(source[d + 1], w1)) >> 4) >> 16) +
          2) >>
          2
      ];
    memory[blue + x] =
      LEVELS[
        ((Math.imul(b0, (Math.imul(source[a + 2], w0) + Math.imul(source[b + 2], w1)) >> 4) >> 16) +
          (Math.imul(b1, (Math.imul(source[c + 2], w0) + Math.imul(source[d + 2], w1)) >> 4) >> 16) +
          2) >>
          2
      ];
  }
}
