/** Calibration inputs: a few of the user's own pictures, all of one size, without padding. */

import { Breather } from "../../breathe.js";
import { DatasetError } from "../../errors.js";
import { crop, type RgbImage, resizeArea, resizeLinear } from "../../image/index.js";
import type { Float32Tensor } from "../../tensor/index.js";
import { toTensor } from "../../yolov5/input/letterbox.js";
import type { Size } from "../../yolov5/output/boxes.js";

/** The parts of a data set's pictures that are needed. */
export interface CalibrationSample {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  /** Reads and decodes the picture. */
  load(): Promise<RgbImage>;
}

/** Options of `calibrationInputs`. */
export interface CalibrationOptions {
  /** Maximum number of pictures. */
  readonly count: number;
  /** Longer side of the input in pixels. */
  readonly imgsz: number;
  readonly stride: number;
  readonly signal?: AbortSignal | undefined;
  /** Receives the number of pictures read, and the total. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/**
 * Inputs [1, 3, H, W] from pictures spread evenly over the data set. H × W has the median aspect ratio. Other
 * pictures are scaled to cover it and cropped, since grey bars would distort every statistic.
 * @throws DatasetError if there are no pictures; ImageError from `load`.
 */
export async function calibrationInputs(
  samples: readonly CalibrationSample[],
  options: CalibrationOptions,
): Promise<Float32Tensor[]> {
  const chosen = spread(samples, options.count);
  if (chosen.length === 0) throw new DatasetError("calibration needs at least one picture");
  const size = commonSize(chosen, options);
  const inputs: Float32Tensor[] = [];
  const breather = new Breather(options.signal);
  for (const [i, sample] of chosen.entries()) {
    inputs.push(toTensor([cover(await sample.load(), size)]));
    options.onProgress?.(i + 1, chosen.length);
    await breather.rest();
  }
  return inputs;
}

/** `count` evenly spaced entries, beginning with the first. */
export function spread<T>(list: readonly T[], count: number): T[] {
  const n = Math.min(count, list.length);
  return Array.from({ length: n }, (_, i) => list[Math.floor((i * list.length) / n)]);
}

function commonSize(samples: readonly CalibrationSample[], { imgsz, stride }: CalibrationOptions): Size {
  const aspects = samples.map(({ width, height }) => height / width).sort((a, b) => a - b);
  const aspect = aspects[Math.floor(aspects.length / 2)];
  const strides = (side: number): number => Math.max(1, Math.round(side / stride)) * stride;
  const long = strides(imgsz);
  return aspect <= 1 ? [strides(imgsz * aspect), long] : [long, strides(imgsz / aspect)];
}

/** Scales to cover height × width, then crops to the centre. */
function cover(image: RgbImage, [height, width]: Size): RgbImage {
  const gain = Math.max(height / image.height, width / image.width);
  const w = Math.max(width, Math.round(image.width * gain));
  const h = Math.max(height, Math.round(image.height * gain));
  const scaled =
    w === image.width && h === image.height ? image : gain < 1 ? resizeArea(image, w, h) : resizeLinear(image, w, h);
  return crop(scaled, { x: Math.floor((w - width) / 2), y: Math.floor((h - height) / 2), width, height });
}
