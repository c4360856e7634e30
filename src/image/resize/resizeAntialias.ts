/**
 * Pillow's `resize(…, BILINEAR)` on 8-bit RGB, bit for bit: a triangle filter as wide as the shrinking asks for, columns first,
 * then rows, each pass in integers of 22 fractional bits and rounded to bytes. Enlarging, it is plain bilinear.
 */

import { ShapeError } from "../../errors.js";
import type { RgbImage } from "../types.js";

/** Fractional bits of the weights: what 32 bits hold beside a byte and two spare bits. */
const PRECISION = 22;

/** For each index of the target: the first source index, and the weights of those from there on. */
interface Filter {
  readonly first: Int32Array;
  readonly weights: readonly Int32Array[];
}

function filterOf(source: number, target: number): Filter {
  const scale = source / target;
  const support = Math.max(scale, 1);
  const first = new Int32Array(target);
  const weights: Int32Array[] = [];
  for (let i = 0; i < target; i++) {
    const centre = (i + 0.5) * scale;
    const from = Math.max(Math.trunc(centre - support + 0.5), 0);
    const to = Math.min(Math.trunc(centre + support + 0.5), source);
    const triangle = Float64Array.from({ length: to - from }, (_, k) =>
      Math.max(0, 1 - Math.abs((k + from - centre + 0.5) * (1 / support))),
    );
    const sum = triangle.reduce((a, b) => a + b, 0);
    first[i] = from;
    weights.push(Int32Array.from(triangle, (w) => Math.trunc((w / sum) * 2 ** PRECISION + 0.5)));
  }
  return { first, weights };
}

/** One axis of a picture: `lines` runs of `source` pixels, `step` bytes apart. */
function pass(
  from: Uint8Array,
  into: Uint8Array,
  { first, weights }: Filter,
  lines: number,
  at: { readonly line: number; readonly step: number; readonly lineInto: number; readonly stepInto: number },
): void {
  for (const [i, taps] of weights.entries()) {
    for (let line = 0; line < lines; line++) {
      const start = line * at.line + first[i] * at.step;
      const target = line * at.lineInto + i * at.stepInto;
      for (let c = 0; c < 3; c++) {
        let sum = 1 << (PRECISION - 1);
        for (let k = 0; k < taps.length; k++) sum += from[start + k * at.step + c] * taps[k];
        into[target + c] = Math.min(Math.max(sum >> PRECISION, 0), 255);
      }
    }
  }
}

/** @throws ShapeError for empty sizes. */
export function resizeAntialias(image: RgbImage, width: number, height: number): RgbImage {
  if (!(width >= 1 && height >= 1 && image.width >= 1 && image.height >= 1)) {
    throw new ShapeError(`resize: ${image.width}×${image.height} to ${width}×${height} pixels`, { width, height });
  }
  let current = image;
  if (width !== image.width) {
    const data = new Uint8Array(width * image.height * 3);
    const at = { line: image.width * 3, step: 3, lineInto: width * 3, stepInto: 3 };
    pass(image.data, data, filterOf(image.width, width), image.height, at);
    current = { width, height: image.height, data };
  }
  if (height !== image.height) {
    const data = new Uint8Array(width * height * 3);
    const at = { line: 3, step: width * 3, lineInto: 3, stepInto: width * 3 };
    pass(current.data, data, filterOf(image.height, height), width, at);
    current = { width, height, data };
  }
  return current;
}
