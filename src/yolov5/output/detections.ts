/** Objects found in one picture, in its own pixels, made of what survived suppression; masks are computed when asked for. */

import { roundHalfEven, type Size, scaleBox } from "./boxes.js";
import { type Prototypes, processMask, processMaskNative, scaleMask } from "./masks.js";
import type { Candidate } from "./nms.js";
import { normalizedPolygon } from "./polygons.js";
import { type BinaryMask, encodeRle, maskToBitmap, type Rle, rleArea } from "./rle.js";

/** One object. Pixels of the upright original picture, clipped to it, not rounded. */
export interface Detection {
  readonly xmin: number;
  readonly ymin: number;
  readonly xmax: number;
  readonly ymax: number;
  /** 0 to 1. */
  readonly confidence: number;
  /** Class index. */
  readonly class: number;
  readonly name: string;
  /** Tracked videos only: the object's id, the same in every frame; absent while it is not confirmed. */
  readonly track?: number | undefined;
}

/** One object with its mask, which is computed when it is first asked for. */
export interface SegmentedDetection extends Detection {
  /** At the size of the original picture. */
  readonly mask: Rle;
  /** Pixels of `mask`. */
  readonly area: number;
  /** `mask` as a row-major 0/1 bitmap, `height` × `width` of the original. */
  bitmap(): Uint8Array;
  /** The largest outer contour, x, y, x, y, … divided by the original's width and height; empty for an empty mask. */
  polygon(): Float32Array;
  /** The mask as v7.0 thresholds it: at the size of the network's input, or the original's with retina masks. */
  thresholded(): BinaryMask;
}

/** Boxes that survived suppression, in pixels of the original. */
export function detectionsFrom(
  candidates: readonly Candidate[],
  input: Size,
  original: Size,
  names: readonly string[],
): Detection[] {
  return candidates.map((candidate) => {
    const { x1, y1, x2, y2, confidence, classIndex } = candidate;
    const [xmin, ymin, xmax, ymax] = scaleBox([x1, y1, x2, y2], input, original);
    return { xmin, ymin, xmax, ymax, confidence, class: classIndex, name: names[classIndex] ?? `class${classIndex}` };
  });
}

/**
 * `detectionsFrom` with lazy masks. They hold on to the prototypes (3.3 MB at 640×640) until the result is dropped.
 * @param retinaMasks masks computed at the original's size instead of the network's input.
 */
export function segmentedDetectionsFrom(
  candidates: readonly Candidate[],
  prototypes: Prototypes,
  input: Size,
  original: Size,
  names: readonly string[],
  retinaMasks = false,
): SegmentedDetection[] {
  return detectionsFrom(candidates, input, original, names).map((detection, i) => {
    const { x1, y1, x2, y2, coefficients = new Float32Array(0) } = candidates[i];
    const { xmin, ymin, xmax, ymax } = detection;
    const threshold = (): BinaryMask =>
      retinaMasks
        ? processMaskNative(
            prototypes,
            coefficients,
            [roundHalfEven(xmin), roundHalfEven(ymin), roundHalfEven(xmax), roundHalfEven(ymax)],
            original,
          )
        : processMask(prototypes, coefficients, [x1, y1, x2, y2], input);
    const full = (): BinaryMask => (retinaMasks ? threshold() : scaleMask(threshold(), original));
    let rle: Rle | undefined;
    return {
      ...detection,
      get mask() {
        rle ??= encodeRle(full());
        return rle;
      },
      get area() {
        return rleArea(this.mask);
      },
      bitmap: () => maskToBitmap(full()),
      polygon: () => normalizedPolygon(threshold(), original),
      thresholded: threshold,
    };
  });
}

/** A copy with other values, whose masks are, as the original's, computed only when they are asked for. */
export function changed<D extends Detection>(detection: D, values: Partial<Detection>): D {
  const properties = { ...Object.getOwnPropertyDescriptors(detection), ...Object.getOwnPropertyDescriptors(values) };
  return Object.create(Object.getPrototypeOf(detection), properties);
}
