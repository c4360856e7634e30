/** A data set for evaluation, independent of file formats. */

import type { RgbImage } from "../../image/types.js";
import type { Rle } from "../../yolov5/output/masks/rle.js";

/** x, y, x, y, … divided by the picture's width and height. */
export type Polygon = Float32Array;

/** The labelled objects of one picture; all lists have one entry per object. */
export interface GroundTruth {
  /** Class indices. */
  readonly classes: Int32Array;
  /** Centre x, centre y, width, height of each object, divided by the picture's width and height. */
  readonly boxes: Float32Array;
  /** Outlines of each object (several for an object in parts); empty for objects labelled with only a box. */
  readonly polygons: readonly (readonly Polygon[])[];
  /** Masks at the size of the picture, for objects that have one bit for bit; it counts before `polygons`. */
  readonly masks?: readonly (Rle | undefined)[] | undefined;
  /**
   * Keypoints of each object, if the data set was opened for them: x, y, visibility, x, y, …; divided by the picture's width and
   * height, 0 for points that are not labelled. Undefined for objects labelled with only a box.
   */
  readonly keypoints?: readonly (Float32Array | undefined)[] | undefined;
}

export const NO_OBJECTS: GroundTruth = { classes: new Int32Array(0), boxes: new Float32Array(0), polygons: [] };

/** One picture with its labels. The picture is read on demand. */
export interface Sample {
  /** Path, or another name for messages. */
  readonly name: string;
  /** COCO's ID, if the labels come from a COCO JSON. */
  readonly imageId?: number | string | undefined;
  /** Size of the upright picture, in pixels. */
  readonly width: number;
  readonly height: number;
  readonly truth: GroundTruth;
  /**
   * Reads and decodes the picture.
   * @throws ImageError.
   */
  load(): Promise<RgbImage>;
}

/** Pictures with labelled boxes and, where available, outlines. */
export interface DetectionDataset {
  /** Its origin, for messages. */
  readonly name: string;
  readonly samples: readonly Sample[];
  /** Class names, if the data set has them. */
  readonly names: readonly string[] | undefined;
  /** Pictures left out, with the reason: unreadable ones, and those whose labels `val.py` considers corrupt. */
  readonly excluded: readonly { readonly name: string; readonly reason: string }[];
  /** COCO's category ID of each class index, if the labels come from a COCO JSON. */
  readonly categoryIds?: readonly number[] | undefined;
}

/** A picture of a classification data set. */
export interface ClassifiedSample {
  readonly name: string;
  /** The model's class index. */
  readonly class: number;
  /** Reads and decodes the picture. */
  load(): Promise<RgbImage>;
}
