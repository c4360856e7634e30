/** Labels of other tools in the shape of COCO's annotations, from which one reader makes a data set. */

import type { KeypointShape } from "../../yolov5/graph/heads.js";
import type { Rle } from "../../yolov5/output/masks/rle.js";

/** An object that a tool has labelled, in pixels of its picture. */
export interface ToolObject {
  readonly label: string;
  /** Left, top, width, height. */
  readonly box: readonly [number, number, number, number];
  /** x, y, x, y, … of each part. */
  readonly polygons: readonly (readonly number[])[];
  /** Bit for bit, at the size of the picture; it counts before `polygons`. */
  readonly mask?: Rle | undefined;
  /** Place of each labelled keypoint, by its index. */
  readonly points: ReadonlyMap<number, readonly [number, number]>;
}

/** A picture that a tool has labelled. */
export interface ToolPicture {
  readonly fileName: string;
  /** In pixels; NaN where nothing is labelled and the tool does not say. */
  readonly width: number;
  readonly height: number;
  readonly objects: readonly ToolObject[];
}

/**
 * @param labels the tool's, in its order; those that only objects have are added.
 * @param keypoints of the model. If a file has none at all, its objects are boxes.
 */
export function asCoco(pictures: readonly ToolPicture[], labels: readonly string[], keypoints?: KeypointShape): object {
  const ids = new Map<string, number>();
  for (const label of labels) if (!ids.has(label)) ids.set(label, ids.size + 1);
  const objects = pictures.flatMap((picture, i) => picture.objects.map((object) => ({ object, image: i + 1 })));
  for (const { object } of objects) if (!ids.has(object.label)) ids.set(object.label, ids.size + 1);
  const posed = keypoints !== undefined && objects.some(({ object }) => object.points.size > 0);
  return {
    images: pictures.map(({ fileName, width, height }, i) => ({ id: i + 1, file_name: fileName, width, height })),
    categories: [...ids].map(([name, id]) => ({ id, name })),
    annotations: objects.map(({ object, image }, i) => ({
      ...{ id: i + 1, image_id: image, category_id: ids.get(object.label), iscrowd: 0 },
      ...{ bbox: object.box, segmentation: object.mask ?? object.polygons },
      ...(posed ? { keypoints: numbersOf(object.points, keypoints.count) } : {}),
    })),
  };
}

function numbersOf(points: ToolObject["points"], count: number): number[] {
  return Array.from({ length: count }, (_, i) => points.get(i)).flatMap((at) => (at ? [at[0], at[1], 2] : [0, 0, 0]));
}

/** The smallest box around points. */
export function boxAroundPoints(points: readonly number[]): ToolObject["box"] {
  let [x1, y1, x2, y2] = [points[0], points[1], points[0], points[1]];
  for (let i = 2; i + 1 < points.length; i += 2) {
    [x1, x2] = [Math.min(x1, points[i]), Math.max(x2, points[i])];
    [y1, y2] = [Math.min(y1, points[i + 1]), Math.max(y2, points[i + 1])];
  }
  return [x1, y1, x2 - x1, y2 - y1];
}
