/** Label files of predictions in the format of val.py v7.0 (`--save-txt`). */

import { formatG } from "../yolov5/output/text/printf.js";
import type { PictureOutcome } from "./evaluate.js";

/**
 * Lines `class x y w h [confidence]`, centre and size divided by the picture's, in float32 steps, `%g`, the most
 * confident first. Unlike detect.py's they are not rounded to pixels.
 */
export function predictionLines({ detections, image }: PictureOutcome, withConfidence: boolean): string[] {
  const { fround } = Math;
  const { boxes, classes, confidences } = detections;
  return Array.from(classes, (classIndex, i) => {
    const [x1, y1, x2, y2] = boxes.subarray(4 * i, 4 * i + 4);
    const numbers = [
      classIndex,
      fround(fround(fround(x1 + x2) / 2) / image.width),
      fround(fround(fround(y1 + y2) / 2) / image.height),
      fround(fround(x2 - x1) / image.width),
      fround(fround(y2 - y1) / image.height),
    ];
    if (withConfidence) numbers.push(confidences[i]);
    return numbers.map(formatG).join(" ");
  });
}
