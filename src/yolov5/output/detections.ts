/** Objects found in one picture, in its own pixels, from the boxes kept by NMS; masks are computed lazily. */

import type { Family, KeypointShape } from "../graph/heads.js";
import { roundHalfEven, type Size, scaleBackGeometry, scaleBox, scaleCoordinate } from "./boxes.js";
import { maskStyle, type Prototypes, processMask, processMaskNative, scaleMask } from "./masks/masks.js";
import { normalizedPolygon } from "./masks/polygons.js";
import { type BinaryMask, encodeRle, maskToBitmap, type Rle, rleArea } from "./masks/rle.js";
import type { Candidate } from "./nms/nms.js";

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
  /** Tracked videos only: the object's persistent ID; absent until it is confirmed. */
  readonly track?: number | undefined;
  /** Speed on the ground, in units per second (`--ground`); absent if it is not measured. */
  readonly speed?: number | undefined;
}

/** A keypoint in pixels of the picture, clipped to it: x, y and, if the model predicts it, the visibility (0 to 1). */
export type Keypoint = readonly [x: number, y: number, visibility?: number];

/** One object with its keypoints, in the order of the model's data set. */
export interface PosedDetection extends Detection {
  readonly keypoints: readonly Keypoint[];
}

/** One object with its mask, which is computed on first access. */
export interface SegmentedDetection extends Detection {
  /** At the size of the original picture. */
  readonly mask: Rle;
  /** Number of pixels in `mask`. */
  readonly area: number;
  /** `mask` as a row-major 0/1 bitmap, `height` × `width` of the original. */
  bitmap(): Uint8Array;
  /** The largest outer contour, x, y, x, y, … divided by the original's width and height; empty for an empty mask. */
  polygon(): Float32Array;
  /** The mask as thresholded by v7.0: at the network's input size, or the original size with retina masks. */
  thresholded(): BinaryMask;
}

/** The positions of detections, and their names. */
export interface Picturing {
  /** The network's input. */
  readonly input: Size;
  readonly original: Size;
  readonly names: readonly string[];
  /** Default YOLOv5's. */
  readonly family?: Family | undefined;
}

/** Boxes kept by NMS, in pixels of the original. */
export function detectionsFrom(
  candidates: readonly Candidate[],
  { input, original, names, family }: Picturing,
): Detection[] {
  const geometry = scaleBackGeometry(input, original, family);
  return candidates.map((candidate) => {
    const { x1, y1, x2, y2, confidence, classIndex } = candidate;
    const [xmin, ymin, xmax, ymax] = scaleBox([x1, y1, x2, y2], input, original, geometry);
    return { xmin, ymin, xmax, ymax, confidence, class: classIndex, name: names[classIndex] ?? `class${classIndex}` };
  });
}

/** `detectionsFrom` with keypoints. */
export function posedDetectionsFrom(
  candidates: readonly Candidate[],
  shape: KeypointShape,
  picturing: Picturing,
): PosedDetection[] {
  const { input, original } = picturing;
  // Points keep fractions of the padding, in the newer package too.
  const { gain, padX, padY } = scaleBackGeometry(input, original);
  const pointOf = (numbers: Float32Array): Keypoint => {
    const x = scaleCoordinate(numbers[0], padX, gain, original[1]);
    const y = scaleCoordinate(numbers[1], padY, gain, original[0]);
    return numbers.length > 2 ? [x, y, numbers[2]] : [x, y];
  };
  return detectionsFrom(candidates, picturing).map((detection, i) => {
    const { keypoints: numbers = new Float32Array(0) } = candidates[i];
    const keypoints = Array.from({ length: shape.count }, (_, k) =>
      pointOf(numbers.subarray(k * shape.size, (k + 1) * shape.size)),
    );
    return { ...detection, keypoints };
  });
}

/**
 * `detectionsFrom` with lazy masks. They keep the prototypes (3.3 MB at 640×640) alive until the result is dropped.
 * @param retinaMasks compute masks at the original size instead of the network's input size.
 */
export function segmentedDetectionsFrom(
  candidates: readonly Candidate[],
  prototypes: Prototypes,
  picturing: Picturing,
  retinaMasks = false,
): SegmentedDetection[] {
  const { input, original, family = "yolov5" } = picturing;
  const style = maskStyle(family, candidates.length);
  return detectionsFrom(candidates, picturing).map((detection, i) => {
    const { x1, y1, x2, y2, coefficients = new Float32Array(0) } = candidates[i];
    const { xmin, ymin, xmax, ymax } = detection;
    const threshold = (): BinaryMask =>
      retinaMasks
        ? processMaskNative(
            prototypes,
            coefficients,
            [roundHalfEven(xmin), roundHalfEven(ymin), roundHalfEven(xmax), roundHalfEven(ymax)],
            original,
            family,
          )
        : processMask(prototypes, coefficients, [x1, y1, x2, y2], input, style);
    const full = (): BinaryMask => (retinaMasks ? threshold() : scaleMask(threshold(), original, { family }));
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

/** A copy with other values, whose masks stay lazy. */
export function changed<D extends Detection>(detection: D, values: Partial<Detection>): D {
  const properties = { ...Object.getOwnPropertyDescriptors(detection), ...Object.getOwnPropertyDescriptors(values) };
  return Object.create(Object.getPrototypeOf(detection), properties);
}
