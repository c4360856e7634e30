/** Label files in the format of v7.0's detect.py, segment/predict.py and classify/predict.py, and the newer package's for poses. */

import { printable } from "../../../printable.js";
import { roundHalfEven } from "../boxes.js";
import type { ClassificationResult, Detection, DetectionResult, PoseResult, SegmentationResult } from "../results.js";
import { formatF, formatG } from "./printf.js";

/**
 * Lines `class x y w h [confidence]`, centre and size divided by the picture's, `%g`, the lowest confidence first.
 * Boxes are first rounded to whole pixels, and all steps are float32, as in detect.py.
 */
export function detectionLines(result: DetectionResult | SegmentationResult | PoseResult, saveConf = false): string[] {
  const { width, height } = result;
  const fraction = (value: number, size: number) => Math.fround(value / size);
  return result.detections.toReversed().map((d) => {
    const [x1, y1, x2, y2] = [d.xmin, d.ymin, d.xmax, d.ymax].map(roundHalfEven);
    const xywh = [
      fraction((x1 + x2) / 2, width),
      fraction((y1 + y2) / 2, height),
      fraction(x2 - x1, width),
      fraction(y2 - y1, height),
    ];
    return line(d, xywh, saveConf);
  });
}

/**
 * Lines `class x y x y … [confidence]`: the largest contour of each mask, normalised, the lowest confidence first. An
 * empty mask leaves only the class on its line, as upstream does.
 */
export function segmentationLines(result: SegmentationResult, saveConf = false): string[] {
  return result.detections.toReversed().map((d) => line(d, Array.from(d.polygon()), saveConf));
}

/**
 * Lines `class x y w h` and `x y` or `x y visibility` for each keypoint, `[confidence]` last, divided by the picture's size, `%g`,
 * the highest confidence first: the newer package's format, which does not round to whole pixels.
 */
export function poseLines(result: PoseResult, saveConf = false): string[] {
  const { width, height } = result;
  const fraction = (value: number, size: number) => Math.fround(value / size);
  return result.detections.map((d) => {
    const box = [
      fraction((d.xmin + d.xmax) / 2, width),
      fraction((d.ymin + d.ymax) / 2, height),
      fraction(d.xmax - d.xmin, width),
      fraction(d.ymax - d.ymin, height),
    ];
    const points = d.keypoints.flatMap(([x, y, ...visibility]) => [
      fraction(x, width),
      fraction(y, height),
      ...visibility.filter((v) => v !== undefined),
    ]);
    return line(d, [...box, ...points], saveConf);
  });
}

/** Lines `0.87 name`, the most probable first. */
export function classificationLines(result: Pick<ClassificationResult, "top5">): string[] {
  return result.top5.map(({ name, confidence }) => `${formatF(confidence, 2)} ${printable(name)}`);
}

function line(detection: Detection, numbers: readonly number[], saveConf: boolean): string {
  const values = [detection.class, ...numbers];
  if (saveConf) values.push(detection.confidence);
  return values.map(formatG).join(" ");
}
