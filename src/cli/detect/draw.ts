/** Results drawn on their pictures. */

import {
  type Annotation,
  annotate,
  annotateLines,
  drawableName,
  type Font,
  type MaskWindow,
  type PictureFormat,
  paletteColor,
  type RgbImage,
} from "../../image/index.js";
import type { PictureFile } from "../../node/pictureThread.js";
import type { Trail } from "../../tracking/index.js";
import type { Result } from "../../yolov5/model.js";
import type { Detection, SegmentedDetection } from "../../yolov5/results.js";
import { classificationLines } from "../../yolov5/saveText.js";

export interface DrawOptions {
  readonly lineThickness?: number | undefined;
  readonly hideLabels?: boolean | undefined;
  readonly hideConf?: boolean | undefined;
  readonly font?: Font | undefined;
}

/**
 * Draws boxes, masks and labels, or the best classes in the corner. On the picture itself: frames and pictures may be so large
 * that there is no room for two of them.
 * @param trails of tracked objects, which have the colours of their ids, not of their classes.
 */
export function draw(image: RgbImage, result: Result, options: DrawOptions, trails: readonly Trail[] = []): RgbImage {
  const { lineThickness, hideLabels = false, font } = options;
  const style = {
    inPlace: true,
    hideLabels,
    ...(lineThickness === undefined ? {} : { lineThickness }),
    ...(font === undefined ? {} : { font }),
  };
  const nameOf = (name: string, index: number): string => (font ? drawableName(font, name, index) : name);
  if (result.task === "classify") {
    const top5 = result.top5.map((score) => ({ ...score, name: nameOf(score.name, score.class) }));
    return annotateLines(image, classificationLines({ top5 }), style);
  }
  const annotations = result.detections.map(
    (detection): Annotation => ({
      xyxy: [detection.xmin, detection.ymin, detection.xmax, detection.ymax],
      color: paletteColor(detection.track ?? detection.class),
      label: labelOf({ ...detection, name: nameOf(detection.name, detection.class) }, options.hideConf ?? false),
      ...(isSegmented(detection) ? { mask: maskOf(detection, image) } : {}),
    }),
  );
  const lines = trails
    .filter(({ points }) => points.length > 2)
    .map(({ id, points }) => ({ points, color: paletteColor(id) }));
  return annotate(image, annotations, { ...style, lines });
}

type LabelParts = Pick<Detection, "name" | "confidence" | "track">;

/** `#3 person 0.87`; without a track `person 0.87`. */
function labelOf({ name, confidence, track }: LabelParts, hideConf: boolean): string {
  return `${track === undefined ? "" : `#${track} `}${name}${hideConf ? "" : ` ${confidence.toFixed(2)}`}`;
}

function isSegmented(detection: Detection): detection is SegmentedDetection {
  return "bitmap" in detection;
}

function maskOf(detection: SegmentedDetection, { width, height }: RgbImage): MaskWindow {
  return { x0: 0, y0: 0, x1: width, y1: height, data: detection.bitmap() };
}

/** JPEG cannot be wider or higher. */
const MAX_JPEG_SIDE = 65535;

/** What a picture is written as: `source` keeps its own format, or takes JPEG where that cannot be written here. */
export function formatFor(
  { width, height }: RgbImage,
  wanted: "source" | "jpg" | "png",
  format: PictureFormat | undefined,
): PictureFile {
  const png = wanted === "png" || (wanted === "source" && format === "png");
  return png || Math.max(width, height) > MAX_JPEG_SIDE ? "png" : "jpg";
}
