/**
 * Whole annotated pictures: boxes, masks and labels of detections, and the list of a classification's best classes. The one
 * drawing, for pixels in memory and for canvases of pages, at the picture's own size or at another.
 */

import { drawLabel, type LabelRequest, placeLabels } from "./label.js";
import { BLACK, type Color, WHITE } from "./palette.js";
import { type Area, outlineOf, type Surface } from "./surface.js";

/** In pixels of the picture. */
export interface Annotation {
  /** x1, y1, x2, y2. */
  readonly xyxy: readonly [number, number, number, number];
  readonly color: Color;
  readonly label?: string | undefined;
  /** Rectangles x0, y0, x1, y1, … that do not overlap. */
  readonly mask?: ArrayLike<number> | undefined;
}

/** A line through x, y, x, y, …, pixels of the picture. */
interface AnnotationLine {
  readonly points: ArrayLike<number>;
  readonly color: Color;
}

export interface AnnotateOptions {
  /** Size of the picture that the annotations are of; default that of `area`. */
  readonly picture?: { readonly width: number; readonly height: number } | undefined;
  /** Where the picture lies; default the whole surface. */
  readonly area?: Area | undefined;
  /** Pixels of the surface; default by the area's size. */
  readonly lineThickness?: number | undefined;
  /** Pixels an em; default by the area's size, and by a thickness that was asked for. */
  readonly fontSize?: number | undefined;
  readonly hideLabels?: boolean | undefined;
  readonly hideBoxes?: boolean | undefined;
  /** How much masks cover, 0 to 1; default 0.5. */
  readonly maskAlpha?: number | undefined;
  /** Of everything, 0 to 1; default 1. */
  readonly opacity?: number | undefined;
  /** Lines over the masks and under the boxes. */
  readonly lines?: readonly AnnotationLine[] | undefined;
}

/** YOLOv5's rule: 3/1000 of the mean side, at least 2 pixels. */
export function defaultLineThickness({ width, height }: { readonly width: number; readonly height: number }): number {
  return Math.max(Math.round(((width + height) / 2) * 0.003), 2);
}

/** Pixels an em: grows with the picture, and with a thickness that was asked for. */
function fontSizeFor({ width, height }: Area, { lineThickness, fontSize }: AnnotateOptions): number {
  if (fontSize !== undefined) return fontSize;
  const wanted = lineThickness === undefined ? ((width + height) / 2) * 0.025 : lineThickness * 8;
  return Math.max(12, Math.round(wanted));
}

const areaOf = ({ width, height }: Surface, { area }: AnnotateOptions): Area => area ?? { x: 0, y: 0, width, height };

/**
 * Draws everything: masks first, then lines, boxes and labels, of each the first annotation on top (as detections are
 * sorted, the most confident one).
 */
export function drawAnnotations(
  surface: Surface,
  annotations: readonly Annotation[],
  options: AnnotateOptions = {},
): void {
  const area = areaOf(surface, options);
  const { lineThickness, hideBoxes, hideLabels, maskAlpha = 0.5, opacity = 1, lines = [], picture = area } = options;
  const thickness = lineThickness ?? defaultLineThickness(area);
  const place = placer(area, area.width / picture.width, area.height / picture.height);
  const bottomUp = [...annotations].reverse();
  for (const { mask, color } of bottomUp) if (mask) surface.fillRectangles(place(mask), color, maskAlpha * opacity);
  for (const { points, color } of lines) surface.polyline(place(points), color, thickness, opacity);
  if (!hideBoxes) {
    for (const { xyxy, color } of bottomUp) {
      const [x0, y0, x1, y1] = place(xyxy);
      surface.fillRectangles(outlineOf(x0, y0, x1, y1, thickness), color, opacity);
    }
  }
  if (hideLabels) return;
  const half = Math.floor(thickness / 2);
  const requests = annotations.flatMap(({ xyxy, color, label: text }): LabelRequest[] => {
    if (!text) return [];
    const [x0, y0, x1, y1] = place(xyxy).map(Math.round);
    return [{ text, color, around: [x0 - half, y0 - half, x1 + half, y1 + half] }];
  });
  const labels = placeLabels(surface, requests, fontSizeFor(area, options), area);
  // Labels come last, so that no neighbour's box runs through their text.
  for (const label of labels.reverse()) drawLabel(surface, label, opacity);
}

/** From the picture's pixels to the surface's: x, y, x, y, …. */
function placer({ x, y }: Area, scaleX: number, scaleY: number): (points: ArrayLike<number>) => number[] {
  return (points) => Array.from(points, (value, i) => (i % 2 === 0 ? x + value * scaleX : y + value * scaleY));
}

/**
 * Lines of text in the picture's upper left corner, as classification shows its best classes (`0.87 tabby cat`), on a
 * darkened panel so that they can be read on anything.
 */
export function drawLines(surface: Surface, lines: readonly string[], options: AnnotateOptions = {}): void {
  if (lines.length === 0) return;
  const area = areaOf(surface, options);
  const { opacity = 1 } = options;
  let size = fontSizeFor(area, options);
  const margin = Math.round(Math.min(32, Math.min(area.width, area.height) * 0.05));
  const widest = (at: number) => Math.max(...lines.map((line) => surface.textWidth(line, at)));
  const room = area.width - 2 * margin - size;
  const full = widest(size);
  if (full > room) size = Math.max(8, Math.floor((size * room) / full));
  const padding = Math.round(size * 0.5);
  const lineHeight = Math.round(size * 1.4);
  const width = Math.ceil(widest(size)) + 2 * padding;
  const height = lines.length * lineHeight + 2 * padding;
  const [left, top] = [area.x + margin, area.y + margin];
  surface.fillRectangles([left, top, left + width, top + height], BLACK, 0.55 * opacity);
  for (const [i, line] of lines.entries()) {
    const baseline = top + padding + i * lineHeight + Math.round(lineHeight / 2 + size * 0.35);
    surface.text(line, left + padding, baseline, size, WHITE, opacity);
  }
}
