/** An object that was found in the windows of a picture, as plain data, and the detection that it becomes. */

import type { Detection, Keypoint, PosedDetection, SegmentedDetection } from "../output/detections.js";
import { normalizedPolygon } from "../output/masks/polygons.js";
import { maskToBitmap, type Rle, rleArea, rleToMask } from "../output/masks/rle.js";

/** In pixels of the picture. */
export interface SlicedObject {
  readonly xyxy: readonly [number, number, number, number];
  readonly confidence: number;
  readonly class: number;
  readonly keypoints?: readonly Keypoint[];
  /** At the size of the picture. */
  readonly mask?: Rle;
}

export function slicedDetection(object: SlicedObject, names: readonly string[]): Detection {
  const { xyxy, confidence, class: index } = object;
  const [xmin, ymin, xmax, ymax] = xyxy;
  return { xmin, ymin, xmax, ymax, confidence, class: index, name: names[index] ?? `class${index}` };
}

export function slicedPose(object: SlicedObject, names: readonly string[]): PosedDetection {
  return { ...slicedDetection(object, names), keypoints: object.keypoints ?? [] };
}

/** @param empty the mask of an object without one. */
export function slicedSegment(object: SlicedObject, names: readonly string[], empty: Rle): SegmentedDetection {
  const { mask = empty } = object;
  return {
    ...slicedDetection(object, names),
    mask,
    get area() {
      return rleArea(mask);
    },
    bitmap: () => maskToBitmap(rleToMask(mask)),
    polygon: () => normalizedPolygon(rleToMask(mask), mask.size),
    thresholded: () => rleToMask(mask),
  };
}
