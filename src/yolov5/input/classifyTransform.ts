/**
 * Preprocessing of classification models as YOLOv5 v7.0 does it: centre square, resized as `cv2.resize` does, byte /
 * 255, ImageNet's mean and deviation. Behaviour reproduced from docs and reference values.
 */

import { OptionError } from "../../errors.js";
import { type RgbImage, resizeLinear } from "../../image/index.js";
import type { Float32Tensor } from "../../tensor/index.js";

/** ImageNet's, of R, G, B. */
const MEAN = [0.485, 0.456, 0.406] as const;
const DEVIATION = [0.229, 0.224, 0.225] as const;

/** The largest square in the middle of a picture (odd remainders go right and below), resized to `size` × `size`. */
function crop(image: RgbImage, size: number): RgbImage {
  const side = Math.min(image.width, image.height);
  const left = Math.floor((image.width - side) / 2);
  const top = Math.floor((image.height - side) / 2);
  const data = new Uint8Array(side * side * 3);
  for (let y = 0; y < side; y++) {
    const from = ((top + y) * image.width + left) * 3;
    data.set(image.data.subarray(from, from + side * 3), y * side * 3);
  }
  return resizeLinear({ width: side, height: side, data }, size, size);
}

/**
 * Cropped pictures of one size as the network's input: NCHW, RGB, (byte / 255 − mean) / deviation, each step in
 * float32 as PyTorch does it.
 * @throws OptionError when there is none or their sizes differ.
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

/** The two steps apart, because pictures are cropped one by one and put together as a batch. */
export const classifyTransform = { crop, toTensor } as const;
