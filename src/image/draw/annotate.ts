/**
 * Draws whole annotated pictures: boxes, masks and labels of detections, and the list of a classification's best
 * classes. Used for both pixels in memory and canvases in pages, at the picture's own size or another.
 */

import { drawFigures, type Figure, figureLabels } from "./figures.js";
import { drawLabel, type LabelRequest, placeLabels } from "./label.js";
import { BLACK, type Color, WHITE } from "./palette.js";
import { type Area, edgeOf, outlineOf, type Surface, strokeEdged } from "./surface.js";
import { type ThemeName, themeOf } from "./theme.js";

/** In picture pixels. */
export interface Annotation {
  /** x1, y1, x2, y2. */
  readonly xyxy: readonly [number, number, number, number];
  readonly color: Color;
  readonly label?: string | undefined;
  /** Rectangles x0, y0, x1, y1, … that do not overlap. */
  readonly mask?: ArrayLike<number> | undefined;
  /** Lines and dots on top of the boxes, the last on top. */
  readonly strokes?:
    | readonly (AnnotationLine & { /** Times the line thickness. */ readonly width: number })[]
    | undefined;
}

/** A line through x, y, x, y, … in picture pixels. */
interface AnnotationLine {
  readonly points: ArrayLike<number>;
  readonly color: Color;
}

export interface AnnotateOptions {
  /** Size of the picture that the annotations refer to; default: that of `area`. */
  readonly picture?: { readonly width: number; readonly height: number } | undefined;
  /** Where the picture is on the surface; default: the whole surface. */
  readonly area?: Area | undefined;
  /** Line width in surface pixels; default: depends on the area's size. */
  readonly lineThickness?: number | undefined;
  /** Font size in pixels per em; default: depends on the area's size and a given thickness. */
  readonly fontSize?: number | undefined;
  readonly hideLabels?: boolean | undefined;
  readonly hideBoxes?: boolean | undefined;
  /** Opacity of masks, 0 to 1; default 0.5. */
  readonly maskAlpha?: number | undefined;
  /** Overall opacity, 0 to 1; default 1. */
  readonly opacity?: number | undefined;
  /** Lines above the masks and below the boxes. */
  readonly lines?: readonly AnnotationLine[] | undefined;
  /** Lines and polygons above the boxes. */
  readonly figures?: readonly Figure[] | undefined;
  /** Looks of labels and lines; default `classic`. Annotations have colours of their own. */
  readonly theme?: ThemeName | undefined;
}

/** YOLOv5's rule: 3/1000 of the mean side, at least 2 pixels. */
export function defaultLineThickness({ width, height }: { readonly width: number; readonly height: number }): number {
  return Math.max(Math.round(((width + height) / 2) * 0.003), 2);
}

/** Pixels per em: grows with the picture, and with a given thickness. */
function fontSizeFor({ width, height }: Area, { lineThickness, fontSize }: AnnotateOptions): number {
  if (fontSize !== undefined) return fontSize;
  const wanted = lineThickness === undefined ? ((width + height) / 2) * 0.025 : lineThickness * 8;
  return Math.max(12, Math.round(wanted));
}

const areaOf = ({ width, height }: Surface, { area }: AnnotateOptions): Area => area ?? { x: 0, y: 0, width, height };

/**
 * Draws everything: masks first, then lines, boxes, keypoints and labels, each with the first annotation on top (the most
 * confident one, since detections are sorted).
 */
export function drawAnnotations(
  surface: Surface,
  annotations: readonly Annotation[],
  options: AnnotateOptions = {},
): void {
  const area = areaOf(surface, options);
  const { lineThickness, hideBoxes, hideLabels, maskAlpha = 0.5, opacity = 1 } = options;
  const { lines = [], figures = [], picture = area } = options;
  const theme = themeOf(options.theme);
  const { edge } = theme;
  const thickness = lineThickness ?? Math.round(defaultLineThickness(area) * (theme.wide ? 1.5 : 1));
  const edged = edge ? thickness + 2 * edgeOf(thickness) : thickness;
  const place = placer(area, area.width / picture.width, area.height / picture.height);
  const bottomUp = [...annotations].reverse();
  for (const { mask, color } of bottomUp) if (mask) surface.fillRectangles(place(mask), color, maskAlpha * opacity);
  for (const { points, color } of lines) strokeEdged(surface, [place(points)], color, edge, thickness, opacity);
  if (!hideBoxes) {
    for (const { xyxy, color } of bottomUp) {
      const [x0, y0, x1, y1] = place(xyxy);
      if (edge) surface.fillRectangles(outlineOf(x0, y0, x1, y1, edged), edge, opacity);
      surface.fillRectangles(outlineOf(x0, y0, x1, y1, thickness), color, opacity);
    }
  }
  for (const { strokes = [] } of bottomUp) {
    for (const { points, color, width } of strokes) {
      strokeEdged(surface, [place(points)], color, edge, thickness * width, opacity);
    }
  }
  drawFigures(surface, figures, place, theme, thickness, opacity);
  if (hideLabels) return;
  const half = Math.floor(edged / 2);
  const requests = annotations.flatMap(({ xyxy, color, label: text }): LabelRequest[] => {
    if (!text) return [];
    const [x0, y0, x1, y1] = place(xyxy).map(Math.round);
    return [{ text, color, around: [x0 - half, y0 - half, x1 + half, y1 + half] }];
  });
  const fixed = figureLabels(figures, place, theme);
  const labels = placeLabels(surface, [...fixed, ...requests], fontSizeFor(area, options), area, theme);
  // Labels come last, so that no neighbouring box runs through their text.
  for (const label of labels.reverse()) drawLabel(surface, label, theme, opacity);
}

/** Maps picture pixels to surface pixels: x, y, x, y, …. */
function placer({ x, y }: Area, scaleX: number, scaleY: number): (points: ArrayLike<number>) => number[] {
  return (points) => Array.from(points, (value, i) => (i % 2 === 0 ? x + value * scaleX : y + value * scaleY));
}

/**
 * Lines of text in the picture's upper left corner, used for the best classes of a classification (`0.87 tabby cat`),
 * on a darkened panel so that they are readable on any background.
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
  const { label } = themeOf(options.theme);
  const darkness = label ? 0.85 : 0.55;
  surface.fillRectangles([left, top, left + width, top + height], label?.paper ?? BLACK, darkness * opacity);
  for (const [i, line] of lines.entries()) {
    const baseline = top + padding + i * lineHeight + Math.round(lineHeight / 2 + size * 0.35);
    surface.text(line, left + padding, baseline, size, label?.ink ?? WHITE, opacity);
  }
}
