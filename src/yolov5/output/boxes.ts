/** Boxes from the network's input back to the original picture, as v7.0 and the newer package do it, and Python's rounding. */

import type { Family } from "../graph/heads.js";

/** `[height, width]` in pixels. */
export type Size = readonly [height: number, width: number];

/** The placement of the original in the letterboxed input: input = original × gain + pad. */
export interface ScaleBack {
  readonly gain: number;
  readonly padX: number;
  readonly padY: number;
}

/**
 * The gain recomputed from the two shapes, which is not always the letterbox's own ratio. Padding may be fractional; the newer
 * package takes whole pixels, as its letterbox does.
 */
export function scaleBackGeometry(input: Size, original: Size, family: Family = "yolov5"): ScaleBack {
  const gain = Math.min(input[0] / original[0], input[1] / original[1]);
  if (family === "ultralytics") {
    const pad = (axis: 0 | 1): number => roundHalfEven((input[axis] - roundHalfEven(original[axis] * gain)) / 2 - 0.1);
    return { gain, padX: pad(1), padY: pad(0) };
  }
  return { gain, padX: (input[1] - original[1] * gain) / 2, padY: (input[0] - original[0] * gain) / 2 };
}

/** One input coordinate in original pixels, clipped to [0, size]; float32 steps as torch does them. */
export function scaleCoordinate(value: number, pad: number, gain: number, size: number): number {
  const scaled = Math.fround(Math.fround(value - Math.fround(pad)) / Math.fround(gain));
  return Math.min(Math.max(scaled, 0), size);
}

/**
 * An xyxy box of the network's input in pixels of the original, clipped to `[0, width]` × `[0, height]`, not rounded.
 * @param ratioPad the letterbox's actual gain and padding, as used by `val`. Default: recomputed from the shapes.
 */
export function scaleBox(
  box: readonly [number, number, number, number],
  input: Size,
  original: Size,
  ratioPad: ScaleBack = scaleBackGeometry(input, original),
): [xmin: number, ymin: number, xmax: number, ymax: number] {
  const { gain, padX, padY } = ratioPad;
  return [
    scaleCoordinate(box[0], padX, gain, original[1]),
    scaleCoordinate(box[1], padY, gain, original[0]),
    scaleCoordinate(box[2], padX, gain, original[1]),
    scaleCoordinate(box[3], padY, gain, original[0]),
  ];
}

/** Rounds to the nearest integer, halves to even, as in Python, NumPy and torch. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}
