/**
 * The two other ways in which YOLOv5 v7.0 fits pictures into the network: AutoShape's (the hub's `model(images)`), one
 * shape for a whole list, and validation's rectangular batches. Behaviour reproduced, checked against reference values.
 */

import { OptionError } from "../../errors.js";
import { type RgbImage, resizeArea, resizeLinear } from "../../image/index.js";
import type { Family } from "../graph/heads.js";
import { type ScaleBack, type Size, scaleBackGeometry } from "../output/boxes.js";
import { letterbox, letterboxPlan } from "./letterbox.js";
import { numpyArgsort } from "./numpySort.js";

/** How `detect` fits pictures of a model. */
export interface DetectionFit {
  readonly stride: number;
  /** Default yolov5. */
  readonly family?: Family | undefined;
  /** Pad only up to whole strides, or to the full square. */
  readonly rect: boolean;
}

/** The size of a picture. */
export type Sized = Pick<RgbImage, "width" | "height">;

/**
 * AutoShape's input size for a list of pictures: each is scaled so that its longer side is `size` (the other
 * truncated to a whole number); the largest height and width over the list are rounded up to multiples of `stride`.
 * Letterbox to it with `auto: false`.
 */
export function autoShapeSize(images: readonly Sized[], size: number, stride: number): Size {
  if (images.length === 0) throw new OptionError("autoShapeSize: needs at least one picture");
  let height = 0;
  let width = 0;
  for (const image of images) {
    const gain = size / Math.max(image.height, image.width);
    height = Math.max(height, Math.trunc(image.height * gain));
    width = Math.max(width, Math.trunc(image.width * gain));
  }
  const divisible = (side: number) => Math.max(1, Math.ceil(side / stride)) * stride;
  return [divisible(height), divisible(width)];
}

export interface RectBatch {
  /** Indices into the list of pictures, flattest picture first. */
  readonly indices: readonly number[];
  /** The batch's common input. */
  readonly size: Size;
}

/**
 * Validation's rectangular batches: pictures sorted by height / width, cut into batches, each with the smallest input
 * that holds its pictures at `size`, plus `pad` strides, rounded up to whole strides.
 * @param pad 0.5 for `val.py`, 0 for its speed task.
 */
export function rectBatches(
  images: readonly Sized[],
  batchSize: number,
  size: number,
  stride: number,
  pad = 0.5,
): readonly RectBatch[] {
  const aspect = images.map((image) => image.height / image.width);
  const order = Array.from(numpyArgsort(aspect));
  const batches: RectBatch[] = [];
  for (let start = 0; start < order.length; start += batchSize) {
    const indices = order.slice(start, start + batchSize);
    const flattest = aspect[indices[0]];
    const tallest = aspect[indices[indices.length - 1]];
    let [height, width] = [1, 1];
    if (tallest < 1) height = tallest;
    else if (flattest > 1) width = 1 / flattest;
    const strides = (side: number) => Math.ceil((side * size) / stride + pad) * stride;
    batches.push({ indices, size: [strides(height), strides(width)] });
  }
  return batches;
}

export interface ValidationImage {
  readonly image: RgbImage;
  /** The actual placement of the original in `image`, for `scaleBox`. */
  readonly scaleBack: ScaleBack;
  /** Size of the resized picture, before padding; as a product of size and gain where `detect` fits it. */
  readonly loaded: Size;
}

/**
 * Prepares one picture like `val.py`: resizes the longer side to `size` with both sides truncated to whole numbers
 * (INTER_AREA when shrinking, INTER_LINEAR when enlarging), then letterboxes to `batch` without enlarging.
 */
export function validationLetterbox(image: RgbImage, size: number, batch: Size): ValidationImage {
  const gain = size / Math.max(image.height, image.width);
  let loaded = image;
  if (gain !== 1) {
    const width = Math.max(1, Math.trunc(image.width * gain));
    const height = Math.max(1, Math.trunc(image.height * gain));
    loaded = gain < 1 ? resizeArea(image, width, height) : resizeLinear(image, width, height);
  }
  const boxed = letterbox(loaded, { size: batch, auto: false, scaleUp: false });
  // Val scales both axes by the loader's height ratio.
  return {
    image: boxed.image,
    scaleBack: { gain: loaded.height / image.height, padX: boxed.pad[0], padY: boxed.pad[1] },
    loaded: [loaded.height, loaded.width],
  };
}

/** The input that `detect` gives a picture whose longer side becomes `side`. */
export function detectionSize(image: Sized, side: number, { stride, rect }: DetectionFit): Size {
  const { height, width } = letterboxPlan(image, { size: [side, side], stride, auto: rect });
  return [height, width];
}

/**
 * Prepares one picture like `detect`, which rounds the shorter side where validation truncates it, and so may have a row of
 * pixels more.
 */
export function detectionLetterbox(
  image: RgbImage,
  side: number,
  { stride, family, rect }: DetectionFit,
): ValidationImage {
  const { image: fitted } = letterbox(image, { size: [side, side], stride, auto: rect });
  const scaleBack = scaleBackGeometry([fitted.height, fitted.width], [image.height, image.width], family);
  return { image: fitted, scaleBack, loaded: [image.height * scaleBack.gain, image.width * scaleBack.gain] };
}
