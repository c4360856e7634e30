/**
 * Preprocessing of classification models. YOLOv5 v7.0: centre square, resized as `cv2.resize` does, byte / 255, ImageNet's
 * mean and deviation. The newer package: the shorter side resized as Pillow does, centre square, byte / 255. Behaviour
 * reproduced from docs and reference values.
 */

import { OptionError } from "../../errors.js";
import { crop, type RgbImage, resizeAntialias, resizeLinear } from "../../image/index.js";
import type { Float32Tensor } from "../../tensor/index.js";
import type { Family } from "../graph/heads.js";
import { roundHalfEven } from "../output/boxes.js";
import { toTensor as bytesToTensor } from "./letterbox.js";

/** ImageNet's, of R, G, B. */
const MEAN = [0.485, 0.456, 0.406] as const;
const DEVIATION = [0.229, 0.224, 0.225] as const;

const square = (image: RgbImage, x: number, y: number, side: number): RgbImage =>
  crop(image, { x, y, width: side, height: side });

/** The largest centred square of a picture (odd remainders go to the right and bottom), resized to `size` × `size`. */
function centreSquare(image: RgbImage, size: number): RgbImage {
  const side = Math.min(image.width, image.height);
  const left = Math.floor((image.width - side) / 2);
  const top = Math.floor((image.height - side) / 2);
  return resizeLinear(square(image, left, top, side), size, size);
}

/** The picture with its shorter side resized to `size` (the longer cut to whole pixels), and its middle square. */
function resizeAndCrop(image: RgbImage, size: number): RgbImage {
  const shorter = Math.min(image.width, image.height);
  const side = (length: number): number => (length === shorter ? size : Math.trunc((size * length) / shorter));
  const resized = resizeAntialias(image, side(image.width), side(image.height));
  const start = (length: number): number => roundHalfEven((length - size) / 2);
  return square(resized, start(resized.width), start(resized.height), size);
}

/**
 * Cropped pictures of one size as the network's input: NCHW, RGB, (byte / 255 − mean) / deviation, each step in
 * float32 as PyTorch does it.
 * @throws OptionError if there are none or their sizes differ.
 */
function toTensor(images: readonly RgbImage[]): Float32Tensor {
  const [first] = images;
  if (!first) throw new OptionError("classifyTransform: needs at least one picture");
  const { width, height } = first;
  const plane = width * height;
  const data = new Float32Array(images.length * 3 * plane);
  for (const [n, image] of images.entries()) {
    if (image.width !== width || image.height !== height) {
      throw new OptionError(
        `classifyTransform: picture ${n} has ${image.width}×${image.height} pixels, the first ${width}×${height}`,
        { n, width: image.width, height: image.height },
      );
    }
    for (let c = 0; c < 3; c++) {
      const levels = Float32Array.from({ length: 256 }, (_, level) => {
        const centred = Math.fround(Math.fround(level / 255) - Math.fround(MEAN[c]));
        return centred / Math.fround(DEVIATION[c]);
      });
      const out = data.subarray((n * 3 + c) * plane, (n * 3 + c + 1) * plane);
      for (let i = 0; i < plane; i++) out[i] = levels[image.data[i * 3 + c]];
    }
  }
  return { dtype: "float32", shape: [images.length, 3, height, width], data };
}

/** The two steps are separate, because pictures are cropped one by one and then joined into a batch. */
export interface ClassifyTransform {
  crop(image: RgbImage, size: number): RgbImage;
  /** Cropped pictures of one size → [N, 3, H, W]. */
  toTensor(images: readonly RgbImage[]): Float32Tensor;
}

export const CLASSIFY_TRANSFORMS: Readonly<Record<Family, ClassifyTransform>> = {
  yolov5: { crop: centreSquare, toTensor },
  ultralytics: { crop: resizeAndCrop, toTensor: bytesToTensor },
};
