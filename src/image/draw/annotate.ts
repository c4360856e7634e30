/** Whole annotated pictures: boxes, masks and labels of detections, and the list of a classification's best classes. */

import type { RgbImage } from "../types.js";
import { Canvas, type MaskWindow } from "./canvas.js";
import type { Font } from "./font.js";
import { BLACK, type Color, WHITE } from "./palette.js";

export interface Annotation {
  /** x1, y1, x2, y2 in pixels of the picture. */
  readonly xyxy: readonly [number, number, number, number];
  readonly color: Color;
  readonly label?: string;
  /** In pixels of the picture. */
  readonly mask?: MaskWindow;
}

/** A line through x, y, x, y, …, pixels of the picture. */
export interface AnnotationLine {
  readonly points: ArrayLike<number>;
  readonly color: Color;
}

export interface AnnotateOptions {
  /** Pixels; default by the picture's size. */
  readonly lineThickness?: number;
  readonly hideLabels?: boolean;
  /** How much masks cover, 0 to 1; default 0.5. */
  readonly maskAlpha?: number;
  /** Lines over the masks and under the boxes. */
  readonly lines?: readonly AnnotationLine[];
  /** Of `loadFont`, which takes some milliseconds: give it where many pictures are annotated. */
  readonly font?: Font;
  /** Draw on the picture that is given. Default false: on a copy. */
  readonly inPlace?: boolean;
}

/** YOLOv5's rule: 3/1000 of the mean side, at least 2 pixels. */
export function defaultLineThickness({ width, height }: { readonly width: number; readonly height: number }): number {
  return Math.max(Math.round(((width + height) / 2) * 0.003), 2);
}

/** Pixels an em: grows with the picture, and with a thickness that was asked for. */
function fontSize(image: RgbImage, lineThickness: number | undefined): number {
  const wanted = lineThickness === undefined ? ((image.width + image.height) / 2) * 0.025 : lineThickness * 8;
  return Math.max(12, Math.round(wanted));
}

/**
 * A copy of `image` with everything drawn on it: masks first, then boxes, then labels, of each the first annotation on
 * top (as detections are sorted, the most confident one).
 */
export function annotate(image: RgbImage, annotations: readonly Annotation[], options: AnnotateOptions = {}): RgbImage {
  const canvas = new Canvas(image, options.font, options.inPlace);
  const thickness = options.lineThickness ?? defaultLineThickness(image);
  const size = fontSize(image, options.lineThickness);
  const bottomUp = [...annotations].reverse();
  for (const { mask, color } of bottomUp) if (mask) canvas.mask(mask, color, options.maskAlpha);
  for (const { points, color } of options.lines ?? []) canvas.polyline(points, color, thickness);
  for (const { xyxy, color } of bottomUp) canvas.rectangle(...xyxy, color, thickness);
  if (options.hideLabels) return canvas.image;
  // Labels come last, so that no neighbour's box runs through their text.
  const half = Math.floor(thickness / 2);
  for (const { xyxy, color, label } of bottomUp) {
    if (label) canvas.label(label, Math.round(xyxy[0]) - half, Math.round(xyxy[1]) - half, { color, size });
  }
  return canvas.image;
}

/**
 * A copy of `image` with lines of text in its upper left corner, as classification shows its best classes
 * (`0.87 tabby cat`), on a darkened panel so that they can be read on anything.
 */
export function annotateLines(image: RgbImage, lines: readonly string[], options: AnnotateOptions = {}): RgbImage {
  const canvas = new Canvas(image, options.font, options.inPlace);
  if (lines.length === 0) return canvas.image;
  let size = fontSize(image, options.lineThickness);
  const margin = Math.round(Math.min(32, Math.min(image.width, image.height) * 0.05));
  const widest = (at: number) => Math.max(...lines.map((line) => canvas.textWidth(line, at)));
  const room = image.width - 2 * margin - size;
  const full = widest(size);
  if (full > room) size = Math.max(8, Math.floor((size * room) / full));
  const padding = Math.round(size * 0.5);
  const lineHeight = Math.round(size * 1.4);
  const width = Math.ceil(widest(size)) + 2 * padding;
  const height = lines.length * lineHeight + 2 * padding;
  canvas.fillRectangle(margin, margin, margin + width, margin + height, BLACK, 0.55);
  for (const [i, line] of lines.entries()) {
    const baseline = margin + padding + i * lineHeight + Math.round(lineHeight / 2 + size * 0.35);
    canvas.text(line, margin + padding, baseline, size, WHITE);
  }
  return canvas.image;
}
