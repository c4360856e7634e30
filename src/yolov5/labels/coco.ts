/** COCO's object detection format (https://cocodataset.org/#format-data), with `score` and `attributes` beside its own. */

import { compressCounts } from "../output/masks/cocoRle.js";
import { isVisible, keypointNames, type LabelledObject, type LabelledPicture, rounded } from "./labelled.js";

/**
 * Pictures and objects in COCO's JSON. IDs count from 1; categories are the model's classes in their order. Masks are
 * polygons, or compressed run lengths where polygons would lose something; `area` is that of the mask.
 * @param names of the model's classes.
 */
export function cocoLabels(pictures: readonly LabelledPicture[], names: readonly string[]) {
  let id = 0;
  const count = pictures.flatMap(({ objects }) => objects).find(({ keypoints }) => keypoints)?.keypoints?.length;
  const points = count === undefined ? {} : { keypoints: keypointNames(count), skeleton: [] };
  return {
    info: { description: "Objects found by yolov5-ts" },
    licenses: [],
    images: pictures.map(({ fileName, width, height }, i) => ({ id: i + 1, file_name: fileName, width, height })),
    annotations: pictures.flatMap(({ objects }, i) => objects.map((object) => annotationOf(object, ++id, i + 1))),
    categories: names.map((name, i) => ({ id: i + 1, name, supercategory: "", ...points })),
  };
}

function segmentationOf({ mask, polygons = [], outlined }: LabelledObject) {
  if (!mask || outlined) return polygons;
  return { size: mask.rle.size, counts: compressCounts(mask.rle.counts) };
}

function annotationOf(object: LabelledObject, id: number, imageId: number) {
  const { xmin, ymin, xmax, ymax, confidence, class: index, track, mask, keypoints } = object;
  const numbers = keypoints?.flatMap((point) =>
    isVisible(point) ? [rounded(point[0]), rounded(point[1]), 2] : [0, 0, 0],
  );
  return {
    ...{ id, image_id: imageId, category_id: index + 1, iscrowd: 0 },
    bbox: [xmin, ymin, xmax - xmin, ymax - ymin].map(rounded),
    area: mask?.area ?? rounded((xmax - xmin) * (ymax - ymin)),
    segmentation: segmentationOf(object),
    score: confidence,
    ...(numbers && { keypoints: numbers, num_keypoints: keypoints?.filter(isVisible).length ?? 0 }),
    ...(track === undefined ? {} : { attributes: { track_id: track } }),
  };
}
