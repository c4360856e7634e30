/** What labelling tools need from a picture, as plain data. */

import type { Detection, Keypoint, PosedDetection, SegmentedDetection } from "../output/detections.js";
import { findExternalContours } from "../output/masks/polygons.js";
import { type BinaryMask, type Rle, rleToMask } from "../output/masks/rle.js";
import type { DetectionResult } from "../output/results.js";

/** One labelled object, in pixels of the picture. */
export interface LabelledObject {
  readonly xmin: number;
  readonly ymin: number;
  readonly xmax: number;
  readonly ymax: number;
  readonly class: number;
  readonly name: string;
  /** 0 to 1. */
  readonly confidence: number;
  readonly track?: number | undefined;
  readonly mask?: { readonly rle: Rle; readonly area: number } | undefined;
  /** Filled, the polygons are the mask again, pixel by pixel: it has no holes, and no part is a line. */
  readonly outlined?: boolean | undefined;
  /** Outer contours of the mask, x, y, x, y, …, each with three points at least; the largest one first. */
  readonly polygons?: readonly (readonly number[])[] | undefined;
  readonly keypoints?: readonly Keypoint[] | undefined;
}

/** The objects found in one picture. */
export interface LabelledPicture {
  /** Name of its file, relative to the folder of the pictures; `/` separates folders. */
  readonly fileName: string;
  readonly width: number;
  readonly height: number;
  readonly objects: readonly LabelledObject[];
}

/** Computes the masks. */
export function labelledObjects({ detections }: Pick<DetectionResult, "detections">): LabelledObject[] {
  return detections.map((detection) => {
    const { xmin, ymin, xmax, ymax, confidence, class: index, name, track } = detection;
    const plain: LabelledObject = { xmin, ymin, xmax, ymax, confidence, class: index, name, track };
    if (isPosed(detection)) return { ...plain, keypoints: detection.keypoints };
    if (!isSegmented(detection)) return plain;
    const { mask: rle, area } = detection;
    return { ...plain, mask: { rle, area }, ...outlinesOf(rleToMask(rle)) };
  });
}

/** Outer contours as polygons with three points at least, x, y, x, y, …; the largest one first. */
function outlinesOf(mask: BinaryMask): Required<Pick<LabelledObject, "polygons" | "outlined">> {
  const contours = findExternalContours(mask);
  const polygons = contours.map((contour) => (contour.length < 6 ? around(contour) : [...contour]));
  return {
    polygons: polygons.toSorted((a, b) => areaOf(b) - areaOf(a)),
    outlined: contours.every(({ length }) => length >= 6) && !hasHoles(mask),
  };
}

/** Whether there are pixels that are not set and have no way to the border: contours join set pixels at corners too. */
function hasHoles({ x0, y0, x1, y1, data }: BinaryMask): boolean {
  // With a rim, from where everything outside can be reached.
  const [width, height] = [x1 - x0 + 2, y1 - y0 + 2];
  const seen = new Uint8Array(width * height);
  for (let y = y0; y < y1; y++) {
    seen.set(data.subarray((y - y0) * (x1 - x0), (y - y0 + 1) * (x1 - x0)), (y - y0 + 1) * width + 1);
  }
  const stack = [0];
  seen[0] = 1;
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    const x = at % width;
    const next = [x > 0 ? at - 1 : at, x + 1 < width ? at + 1 : at, at - width, at + width];
    for (const to of next) {
      if (to < 0 || to >= seen.length || seen[to]) continue;
      seen[to] = 1;
      stack.push(to);
    }
  }
  return seen.includes(0);
}

/** A contour of one pixel or a straight line, as an outline around its pixels. */
function around(contour: ArrayLike<number>): number[] {
  const [x1, y1] = [contour[0], contour[1]];
  const [x2, y2] = contour.length > 2 ? [contour[2], contour[3]] : [x1, y1];
  const [left, right, top, bottom] = [Math.min(x1, x2), Math.max(x1, x2) + 1, Math.min(y1, y2), Math.max(y1, y2) + 1];
  return [left, top, right, top, right, bottom, left, bottom];
}

/** Twice the area that a polygon encloses (the shoelace formula). */
function areaOf(polygon: readonly number[]): number {
  let area = 0;
  for (let i = 0; i < polygon.length; i += 2) {
    const [x, y] = [polygon[i], polygon[i + 1]];
    const next = (i + 2) % polygon.length;
    area += x * polygon[next + 1] - polygon[next] * y;
  }
  return Math.abs(area);
}

const isSegmented = (detection: Detection): detection is SegmentedDetection => "mask" in detection;
const isPosed = (detection: Detection): detection is PosedDetection => "keypoints" in detection;

/** COCO's names of the 17 points of a person. */
const PERSON_POINTS = (
  "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow right_elbow left_wrist right_wrist " +
  "left_hip right_hip left_knee right_knee left_ankle right_ankle"
).split(" ");

/** Names of a model's keypoints: COCO's for 17, otherwise numbers from 0. */
export function keypointNames(count: number): string[] {
  return count === PERSON_POINTS.length ? [...PERSON_POINTS] : Array.from({ length: count }, (_, i) => String(i));
}

/** Points that the model thinks less visible than this are not labels. */
const VISIBLE = 0.25;

export const isVisible = ([, , visibility = 1]: Keypoint): boolean => visibility >= VISIBLE;

/** Two decimals: more than any tool shows, and a hundredth of a pixel is far below what IoU notices. */
export const rounded = (value: number): number => Math.round(value * 100) / 100;
