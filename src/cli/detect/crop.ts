/** Crops one box out of a picture. */

import { crop, type RgbImage } from "../../image/index.js";
import { roundHalfEven } from "../../yolov5/output/boxes.js";
import type { Detection } from "../../yolov5/output/results.js";

/** As in detect.py: the box × 1.02 + 10 pixels. */
const CROP_GAIN = 1.02;
const CROP_PAD = 10;

/** The picture around a box: corners rounded, size scaled by 1.02 plus 10 pixels, truncated to whole pixels. */
export function cropOf(image: RgbImage, detection: Detection): RgbImage | undefined {
  const [x1, y1, x2, y2] = [detection.xmin, detection.ymin, detection.xmax, detection.ymax].map(roundHalfEven);
  const halfWidth = ((x2 - x1) * CROP_GAIN + CROP_PAD) / 2;
  const halfHeight = ((y2 - y1) * CROP_GAIN + CROP_PAD) / 2;
  const clip = (value: number, size: number): number => Math.min(Math.max(Math.trunc(value), 0), size);
  const left = clip((x1 + x2) / 2 - halfWidth, image.width);
  const right = clip((x1 + x2) / 2 + halfWidth, image.width);
  const top = clip((y1 + y2) / 2 - halfHeight, image.height);
  const bottom = clip((y1 + y2) / 2 + halfHeight, image.height);
  const [width, height] = [right - left, bottom - top];
  if (width < 1 || height < 1) return undefined;
  return crop(image, { x: left, y: top, width, height });
}
