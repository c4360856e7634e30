/** Results drawn on their pictures. */

import {
  type Annotation,
  annotate,
  annotateLines,
  encodeJpeg,
  encodePng,
  type MaskWindow,
  type PictureFormat,
  paletteColor,
  type RgbImage,
} from "../../image/index.js";
import type { Result } from "../../yolov5/model.js";
import type { Detection, SegmentedDetection } from "../../yolov5/results.js";
import { classificationLines } from "../../yolov5/saveText.js";

export interface DrawOptions {
  readonly lineThickness?: number | undefined;
  readonly hideLabels?: boolean | undefined;
  readonly hideConf?: boolean | undefined;
}

/** A copy of the picture with boxes, masks and labels, or with the best classes in its corner. */
export function draw(image: RgbImage, result: Result, options: DrawOptions): RgbImage {
  const { lineThickness, hideLabels = false } = options;
  const style = { hideLabels, ...(lineThickness === undefined ? {} : { lineThickness }) };
  if (result.task === "classify") return annotateLines(image, classificationLines(result), style);
  const annotations = result.detections.map(
    (detection): Annotation => ({
      xyxy: [detection.xmin, detection.ymin, detection.xmax, detection.ymax],
      color: paletteColor(detection.class),
      label: options.hideConf ? detection.name : `${detection.name} ${detection.confidence.toFixed(2)}`,
      ...(isSegmented(detection) ? { mask: maskOf(detection, image) } : {}),
    }),
  );
  return annotate(image, annotations, style);
}

function isSegmented(detection: Detection): detection is SegmentedDetection {
  return "bitmap" in detection;
}

function maskOf(detection: SegmentedDetection, { width, height }: RgbImage): MaskWindow {
  return { x0: 0, y0: 0, x1: width, y1: height, data: detection.bitmap() };
}

/** JPEG cannot be wider or higher. */
const MAX_JPEG_SIDE = 65535;

/**
 * Encodes in the wanted format; `source` keeps the source's own, or JPEG where that cannot be written here.
 * @returns the bytes and the name's ending.
 */
export function encode(
  image: RgbImage,
  wanted: "source" | "jpg" | "png",
  format: PictureFormat | undefined,
): { bytes: Uint8Array; ending: ".jpg" | ".png" } {
  const png = wanted === "png" || (wanted === "source" && format === "png");
  if (png || Math.max(image.width, image.height) > MAX_JPEG_SIDE) return { bytes: encodePng(image), ending: ".png" };
  return { bytes: encodeJpeg(image), ending: ".jpg" };
}
