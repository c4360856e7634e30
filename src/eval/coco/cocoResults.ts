/** Predictions in COCO's results format (`--save-json`), as pycocotools loads them. */

import { compressCounts } from "../../yolov5/output/masks/cocoRle.js";
import { processMask, prototypesOf, scaleMask } from "../../yolov5/output/masks/masks.js";
import { encodeRle } from "../../yolov5/output/masks/rle.js";
import type { PictureOutcome } from "../evaluate.js";
import { scaledKeypoints } from "../keypoints.js";
import { COCO_CATEGORY_IDS, isCoco } from "./coco80.js";

/** One detection in COCO's results format. */
export interface CocoResult {
  readonly image_id: number | string;
  readonly category_id: number;
  /** Upper left corner, width, height in pixels, three decimals. */
  readonly bbox: readonly number[];
  /** Five decimals. */
  readonly score: number;
  readonly segmentation?: { readonly size: readonly [number, number]; readonly counts: string };
  /** x, y in pixels and the confidence of each keypoint, three decimals; 1 for models without confidences. */
  readonly keypoints?: readonly number[];
}

/** Options of `CocoResults`. */
export interface CocoResultsOptions {
  readonly names: readonly string[];
  /** Category ID of each class index. Default: COCO's own if the classes are COCO's 80, otherwise the class indices. */
  readonly categoryIds?: readonly number[] | undefined;
  /** Numbers of a keypoint, for pose models (`model.info.keypoints.size`). */
  readonly keypointSize?: number | undefined;
}

/** Collects detections in COCO's results format. */
export class CocoResults {
  readonly entries: CocoResult[] = [];
  private readonly categoryIds: readonly number[];
  private readonly keypointSize: number;

  constructor({ names, categoryIds, keypointSize = 3 }: CocoResultsOptions) {
    this.keypointSize = keypointSize;
    this.categoryIds = categoryIds ?? (isCoco(names) ? COCO_CATEGORY_IDS : names.map((_, index) => index));
  }

  /** Adds the detections of one picture. */
  add(outcome: PictureOutcome, imageId: number | string): void {
    const { boxes, classes, confidences } = outcome.detections;
    for (let i = 0; i < classes.length; i++) {
      const [x1, y1, x2, y2] = boxes.subarray(4 * i, 4 * i + 4);
      const { fround } = Math;
      const [w, h] = [fround(x2 - x1), fround(y2 - y1)];
      const [x, y] = [
        fround(fround(fround(x1 + x2) / 2) - fround(w / 2)),
        fround(fround(fround(y1 + y2) / 2) - fround(h / 2)),
      ];
      this.entries.push({
        image_id: imageId,
        category_id: this.categoryIds[classes[i]] ?? classes[i],
        bbox: [x, y, w, h].map((value) => decimals(value, 3)),
        score: decimals(confidences[i], 5),
        ...segmentationOf(outcome, i),
        ...keypointsOf(outcome, i, this.keypointSize),
      });
    }
  }
}

function segmentationOf(outcome: PictureOutcome, i: number): Pick<CocoResult, "segmentation"> {
  const { prototypes, candidates, placement, masks } = outcome;
  if (masks) return { segmentation: { size: masks[i].size, counts: compressCounts(masks[i].counts) } };
  const coefficients = candidates[i]?.coefficients;
  if (!prototypes || !coefficients) return {};
  const { x1, y1, x2, y2 } = candidates[i];
  const mask = processMask(prototypesOf(prototypes), coefficients, [x1, y1, x2, y2], placement.input);
  const { counts, size } = encodeRle(scaleMask(mask, placement.original, placement.scaleBack));
  return { segmentation: { size, counts: compressCounts(counts) } };
}

function keypointsOf(outcome: PictureOutcome, i: number, size: number): Pick<CocoResult, "keypoints"> {
  const candidate = outcome.candidates[i];
  if (!candidate?.keypoints) return {};
  const numbers = scaledKeypoints(candidate, size, outcome.placement);
  const points = Array.from({ length: numbers.length / size }, (_, k) => {
    const [x, y, confidence = 1] = numbers.subarray(k * size, (k + 1) * size);
    return [x, y, confidence].map((value) => decimals(value, 3));
  });
  return { keypoints: points.flat() };
}

function decimals(value: number, count: number): number {
  return Number(value.toFixed(count));
}
