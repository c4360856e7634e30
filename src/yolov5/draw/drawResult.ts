/** Draws a result on any surface. */

import { type Annotation, drawAnnotations, drawLines } from "../../image/draw/annotate.js";
import { rleRectangles } from "../../image/draw/mask.js";
import type { Surface } from "../../image/draw/surface.js";
import { paletteColor } from "../../image/draw/theme.js";
import type { Detection, PosedDetection, SegmentedDetection } from "../output/detections.js";
import { classificationLines } from "../output/text/saveText.js";
import type { DrawnResult, ResolvedStyle } from "./drawStyle.js";
import { keypointStrokes } from "./skeleton.js";

/**
 * Draws boxes, masks, keypoints, trails and labels, or the best classes in the picture's corner. Class names that the font
 * cannot draw become numbers.
 */
export function drawResult(surface: Surface, result: DrawnResult, style: ResolvedStyle): void {
  const { width, height } = result;
  const options = { ...style, picture: { width, height } };
  const nameOf = ({ name, class: index }: { readonly name: string; readonly class: number }): string =>
    surface.canWrite(name) ? name : String(index);
  if (result.task === "classify") {
    const top5 = result.top5.map((score) => ({ ...score, name: nameOf(score) }));
    drawLines(surface, classificationLines({ top5 }), options);
    return;
  }
  const annotations = result.detections.map(
    (detection, index): Annotation => ({
      xyxy: [detection.xmin, detection.ymin, detection.xmax, detection.ymax],
      color: style.colorOf(detection, index),
      label: style.labelOf
        ? style.labelOf(detection, index)
        : labelOf(nameOf(detection), detection, style.hideConf, style.speedUnit),
      strokes: "keypoints" in detection ? keypointStrokes(detection.keypoints, style.theme) : undefined,
      mask: isSegmented(detection) && style.maskAlpha > 0 ? rleRectangles(detection.mask) : undefined,
    }),
  );
  const lines = style.trails
    .filter(({ points }) => points.length > 2)
    .map(({ id, points }) => ({ points, color: paletteColor(id, style.theme) }));
  drawAnnotations(surface, annotations, { ...options, lines });
}

/** `#3 person 0.87`, or `person 0.87` without a track, and its speed if there is one. */
function labelOf(name: string, { confidence, track, speed }: Detection, hideConf: boolean, unit = ""): string {
  const who = `${track === undefined ? "" : `#${track} `}${name}`;
  const fast = speed === undefined ? "" : ` ${speed.toFixed(1)}${unit && ` ${unit}`}`;
  return `${who}${hideConf ? "" : ` ${confidence.toFixed(2)}`}${fast}`;
}

function isSegmented(detection: Detection | SegmentedDetection | PosedDetection): detection is SegmentedDetection {
  return "mask" in detection;
}
