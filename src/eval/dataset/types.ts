/** A data set to measure on, whatever files it came from. */

import type { RgbImage } from "../../image/types.js";

/** x, y, x, y, … divided by the picture's width and height. */
export type Polygon = Float32Array;

/** The labelled objects of one picture; all lists have one entry an object. */
export interface GroundTruth {
  /** Class indices. */
  readonly classes: Int32Array;
  /** Centre x, centre y, width, height of each object, divided by the picture's width and height. */
  readonly boxes: Float32Array;
  /** Outlines of each object (several for one in parts); empty for objects that are labelled with a box only. */
  readonly polygons: readonly (readonly Polygon[])[];
}

export const NO_OBJECTS: GroundTruth = { classes: new Int32Array(0), boxes: new Float32Array(0), polygons: [] };

/** One picture with its labels. The picture is read when it is its turn. */
export interface Sample {
  /** Path, or whatever names it in messages. */
  readonly name: string;
  /** COCO's id where the labels come from COCO's JSON. */
  readonly imageId?: number | string | undefined;
  /** Of the upright picture, in pixels. */
  readonly width: number;
  readonly height: number;
  readonly truth: GroundTruth;
  /**
   * Reads and decodes the picture.
   * @throws ImageError.
   */
  load(): Promise<RgbImage>;
}

/** Pictures with labelled boxes, and outlines where there are any. */
export interface DetectionDataset {
  /** Where it came from, for messages. */
  readonly name: string;
  readonly samples: readonly Sample[];
  /** Class names, where the data set says them. */
  readonly names: readonly string[] | undefined;
  /** Pictures that are not measured on, with the reason: unreadable ones, and those whose labels `val.py` calls corrupt. */
  readonly excluded: readonly { readonly name: string; readonly reason: string }[];
  /** COCO's category id of each class index, where the labels come from COCO's JSON. */
  readonly categoryIds?: readonly number[] | undefined;
}

/** A picture of a classification data set. */
export interface ClassifiedSample {
  readonly name: string;
  /** Class index of the model. */
  readonly class: number;
  /** Reads and decodes the picture. */
  load(): Promise<RgbImage>;
}
