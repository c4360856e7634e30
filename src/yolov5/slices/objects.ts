/** The detections in the views of a picture → the objects of the picture. */

import { type MergedBox, type MergeOptions, mergeBoxes, type WindowBox } from "../../solutions/slices/merge.js";
import type { Window } from "../../solutions/slices/windows.js";
import type { Keypoint } from "../output/detections.js";
import { type BinaryMask, encodeRle, type Rle, rleToMask, uniteRles } from "../output/masks/rle.js";
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

/** The same in pixels of the view. */
export interface FoundObject extends Omit<WindowBox, "window"> {
  readonly keypoints?: readonly Keypoint[] | undefined;
  readonly mask?: BinaryMask | undefined;
}

/**
 * The detections of a view, mapped to the picture's pixels. Computes the masks, so that the network's outputs can be freed.
 * @param index of the view.
 */
export function objectsInView(result: Result, view: Window, index: number, picture: Sized): ViewObject[] {
  if (result.task === "classify") return [];
  return result.detections.map((detection): ViewObject => {
    const { xmin, ymin, xmax, ymax, confidence, class: classIndex } = detection;
    const found: FoundObject = {
      xyxy: [xmin, ymin, xmax, ymax],
      score: confidence,
      class: classIndex,
      mask: "mask" in detection ? rleToMask(detection.mask as Rle) : undefined,
      keypoints: "keypoints" in detection ? (detection.keypoints as readonly Keypoint[]) : undefined,
    };
    return inPicture(found, view, index, picture);
  });
}

/**
 * A detection of a view, mapped to the picture's pixels, with its mask at the picture's size.
 * @param index of the view.
 */
export function inPicture(
  { xyxy: [left, top, right, bottom], keypoints, mask, ...found }: FoundObject,
  { x, y }: Window,
  index: number,
  picture: Sized,
): ViewObject {
  return {
    ...found,
    xyxy: [left + x, top + y, right + x, bottom + y],
    window: index,
    ...(keypoints ? { keypoints: keypoints.map(([px, py, ...rest]): Keypoint => [px + x, py + y, ...rest]) } : {}),
    ...(mask ? { mask: encodeRle(moved(mask, x, y, picture)) } : {}),
  };
}

const moved = ({ x0, y0, x1, y1, data }: BinaryMask, x: number, y: number, { width, height }: Sized): BinaryMask => ({
  ...{ width, height, data },
  ...{ x0: x0 + x, y0: y0 + y, x1: x1 + x, y1: y1 + y },
});

/** @param most maximum number of objects. */
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

/** The position of a point in the part that sees it best; of equals, the most confident part. */
function mostVisible(points: readonly Keypoint[]): Keypoint {
  return points.reduce((best, point) => ((point[2] ?? 1) > (best[2] ?? 1) ? point : best));
}
