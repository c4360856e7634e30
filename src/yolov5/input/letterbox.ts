/**
 * Letterboxing as in YOLOv5 v7.0: a picture is resized to fit the network's input with its aspect ratio kept,
 * centred, and the rest filled with grey 114. Bytes equal those of `cv2.resize` and `cv2.copyMakeBorder`. Behaviour
 * reproduced from docs and reference values; the variants of AutoShape and of validation are in
 * `letterboxVariants.ts`, the inverse mapping for boxes in `boxes.ts`.
 */

import { OptionError } from "../../errors.js";
import { type RgbImage, resizeAxes, resizeLinearInto } from "../../image/index.js";
import type { DevicePicture } from "../../runtime/backend.js";
import type { Float32Tensor } from "../../tensor/index.js";
import { roundHalfEven, type Size } from "../output/boxes.js";
import { rawToRgb } from "./pictures.js";

export interface LetterboxOptions {
  /** The network's input, height and width. */
  readonly size: Size;
  /** The model's largest stride; only used by `auto`. Default 32. */
  readonly stride?: number;
  /** True (`detect.py`): pad only up to the next multiple of `stride`. False: pad to the full `size`. */
  readonly auto: boolean;
  /** Whether small pictures are enlarged. Default true; validation uses false. */
  readonly scaleUp?: boolean;
  /** Stretch to `size` without padding, ignoring the aspect ratio. Default false. */
  readonly scaleFill?: boolean;
  /** Grey level of the padding. Default 114. */
  readonly color?: number;
}

/** The placement of a picture in the network's input. */
export interface LetterboxPlan {
  /** Size of the input. */
  readonly width: number;
  readonly height: number;
  /** Factors of width and height by which the picture was resized. */
  readonly ratio: readonly [width: number, height: number];
  /** Half of the total padding in width and height, in pixels; may be a half-integer. */
  readonly pad: readonly [width: number, height: number];
  /** The picture's area in the input. */
  readonly content: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
  /** Grey level around it. */
  readonly color: number;
}

export interface Letterboxed extends Pick<LetterboxPlan, "ratio" | "pad" | "content"> {
  readonly image: RgbImage;
}

/** Python's `%`: the sign of the divisor. */
function modulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}

/**
 * The placement that `letterbox` uses for a picture of this size.
 * @throws OptionError for sizes or strides that are not positive whole numbers.
 */
export function letterboxPlan(image: Pick<RgbImage, "width" | "height">, options: LetterboxOptions): LetterboxPlan {
  const { size, stride = 32, auto, scaleUp = true, scaleFill = false, color = 114 } = options;
  for (const value of [...size, stride]) {
    if (!Number.isInteger(value) || value < 1) {
      throw new OptionError(`letterbox: size ${size.join("×")} and stride ${stride} must be positive whole numbers`, {
        size,
        stride,
      });
    }
  }
  const [targetHeight, targetWidth] = size;
  let scale = Math.min(targetHeight / image.height, targetWidth / image.width);
  if (!scaleUp) scale = Math.min(scale, 1);
  let ratio: readonly [number, number] = [scale, scale];
  // A side of a very long picture may round to zero; OpenCV refuses that, we keep one row of pixels.
  let width = Math.max(1, roundHalfEven(image.width * scale));
  let height = Math.max(1, roundHalfEven(image.height * scale));
  let padWidth = targetWidth - width;
  let padHeight = targetHeight - height;
  if (auto) {
    padWidth = modulo(padWidth, stride);
    padHeight = modulo(padHeight, stride);
  } else if (scaleFill) {
    padWidth = 0;
    padHeight = 0;
    width = targetWidth;
    height = targetHeight;
    ratio = [targetWidth / image.width, targetHeight / image.height];
  }
  padWidth /= 2;
  padHeight /= 2;
  const left = roundHalfEven(padWidth - 0.1);
  const right = roundHalfEven(padWidth + 0.1);
  const top = roundHalfEven(padHeight - 0.1);
  const bottom = roundHalfEven(padHeight + 0.1);
  const content = { x: left, y: top, width, height };
  const pad = [padWidth, padHeight] as const;
  return { width: left + width + right, height: top + height + bottom, ratio, pad, content, color };
}

/**
 * Letterboxes one picture.
 * @throws OptionError for sizes or strides that are not positive whole numbers.
 */
export function letterbox(image: RgbImage, options: LetterboxOptions): Letterboxed {
  const plan = letterboxPlan(image, options);
  const { ratio, pad, content } = plan;
  return { image: place(image, plan), ratio, pad, content };
}

/** The picture resized to `content` on a grey background of the given size. */
export function place(
  image: RgbImage,
  { width, height, content, color }: Pick<LetterboxPlan, "width" | "height" | "content" | "color">,
): RgbImage {
  const same = content.width === image.width && content.height === image.height;
  if (same && width === image.width && height === image.height) return image;
  const data = new Uint8Array(width * height * 3);
  if (content.width !== width || content.height !== height) data.fill(color);
  if (same) {
    const rowBytes = image.width * 3;
    for (let y = 0; y < image.height; y++) {
      const row = image.data.subarray(y * rowBytes, (y + 1) * rowBytes);
      data.set(row, ((content.y + y) * width + content.x) * 3);
    }
  } else {
    resizeLinearInto(image, content.width, content.height, { data, rowPixels: width, x: content.x, y: content.y });
  }
  return { width, height, data };
}

/**
 * Pictures of one size as the network's input: NCHW, RGB, byte / 255 in float32.
 * @throws OptionError if there are none or their sizes differ.
 */
export function toTensor(images: readonly RgbImage[]): Float32Tensor {
  const first = images[0];
  if (!first) throw new OptionError("toTensor: needs at least one picture");
  const { width, height } = first;
  const plane = width * height;
  const levels = Float32Array.from({ length: 256 }, (_, level) => level / 255);
  const data = new Float32Array(images.length * 3 * plane);
  for (const [n, image] of images.entries()) {
    if (image.width !== width || image.height !== height) {
      throw new OptionError(
        `toTensor: picture ${n} has ${image.width}×${image.height} pixels, the first ${width}×${height}; ` +
          "all pictures of a batch must have the same size",
        { n, width: image.width, height: image.height },
      );
    }
    const red = data.subarray(n * 3 * plane, (n * 3 + 1) * plane);
    const green = data.subarray((n * 3 + 1) * plane, (n * 3 + 2) * plane);
    const blue = data.subarray((n * 3 + 2) * plane, (n * 3 + 3) * plane);
    const source = image.data;
    for (let i = 0, from = 0; i < plane; i++, from += 3) {
      red[i] = levels[source[from]];
      green[i] = levels[source[from + 1]];
      blue[i] = levels[source[from + 2]];
    }
  }
  return { dtype: "float32", shape: [images.length, 3, height, width], data };
}

/** Pictures of the input's size for a backend that takes pictures: there is nothing left to resize. */
export function wholePictures(images: readonly RgbImage[]): DevicePicture[] {
  const [{ width, height }] = images;
  const axes = resizeAxes(images[0], width, height);
  return images.map(({ data }) => {
    return { pixels: { width, height, channels: 3, data }, x: 0, y: 0, ...axes, grey: 0 };
  });
}

/** Resizes on the CPU with the device's arithmetic, for a picture that the device cannot take. */
export function devicePicturesToTensor(pictures: readonly DevicePicture[], [height, width]: Size): Float32Tensor {
  return toTensor(
    pictures.map(({ pixels, x, y, columns, rows, grey }) => {
      const content = { x, y, width: columns.first.length, height: rows.first.length };
      return place(rawToRgb(pixels), { width, height, content, color: grey });
    }),
  );
}
