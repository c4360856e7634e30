/** What the network found in the views of a picture → the picture's objects. */

import { type MergedBox, type MergeOptions, mergeBoxes, type WindowBox } from "../../solutions/slices/merge.js";
import type { Window } from "../../solutions/slices/windows.js";
import type { Keypoint } from "../output/detections.js";
import { encodeRle, type Rle, rleToMask, uniteRles } from "../output/masks/rle.js";
import type { Result } from "../output/outcome.js";
import type { SlicedObject } from "./slicedObject.js";

interface Sized {
  readonly width: number;
  readonly height: number;
}

/** An object of one view, in pixels of the picture. */
export interface ViewObject extends WindowBox {
  readonly keypoints?: readonly Keypoint[];
  readonly mask?: Rle;
}

/**
 * What was found in a view, carried to the picture's pixels. Computes the masks, so that the network's outputs can go.
 * @param index of the view.
 */
export function objectsInView(result: Result, view: Window, index: number, picture: Sized): ViewObject[] {
  if (result.task === "classify") return [];
  const { x, y } = view;
  return result.detections.map((detection): ViewObject => {
    const { xmin, ymin, xmax, ymax, confidence, class: classIndex } = detection;
    const box: WindowBox = {
      xyxy: [xmin + x, ymin + y, xmax + x, ymax + y],
      score: confidence,
      class: classIndex,
      window: index,
    };
    if ("mask" in detection) return { ...box, mask: placed(detection.mask as Rle, view, picture) };
    if (!("keypoints" in detection)) return box;
    const points = detection.keypoints as readonly Keypoint[];
    return { ...box, keypoints: points.map(([px, py, ...rest]): Keypoint => [px + x, py + y, ...rest]) };
  });
}

/** A view's mask at the size of the picture. */
function placed(mask: Rle, { x, y }: Window, { width, height }: Sized): Rle {
  const { x0, y0, x1, y1, data } = rleToMask(mask);
  return encodeRle({ width, height, x0: x0 + x, y0: y0 + y, x1: x1 + x, y1: y1 + y, data });
}

/** @param most how many objects at most. */
export function mergeObjects(
  objects: readonly ViewObject[],
  views: readonly Window[],
  picture: Sized,
  { most, ...options }: MergeOptions & { readonly most: number },
): SlicedObject[] {
  return mergeBoxes(objects, views, picture, options)
    .slice(0, most)
    .map((merged) => objectFrom(merged, objects));
}

function objectFrom({ xyxy, best, parts }: MergedBox, objects: readonly ViewObject[]): SlicedObject {
  const { score, class: index } = objects[best];
  const masks = parts.flatMap((part) => objects[part].mask ?? []);
  const points = parts.flatMap((part) => (objects[part].keypoints ? [objects[part].keypoints] : []));
  return {
    xyxy,
    confidence: score,
    class: index,
    ...(masks.length > 0 ? { mask: masks.length === 1 ? masks[0] : uniteRles(masks) } : {}),
    ...(points.length > 0 ? { keypoints: points[0].map((_, k) => mostVisible(points.map((each) => each[k]))) } : {}),
  };
}

/** Where the part that sees a point best has it; of equals the most confident part. */
function mostVisible(points: readonly Keypoint[]): Keypoint {
  return points.reduce((best, point) => ((point[2] ?? 1) > (best[2] ?? 1) ? point : best));
}
