/** A drawing target: pixels in memory, or a page's canvas. */

import type { Color } from "./palette.js";

/** Coordinates are surface pixels; drawing is clipped to the surface. `alpha`: 1 is opaque, 0 transparent. */
export interface Surface {
  readonly width: number;
  readonly height: number;
  /**
   * Rectangles x0, y0, x1, y1, …, that do not overlap: columns x0 to x1 − 1 and rows y0 to y1 − 1 of each, corners rounded to
   * whole pixels, so that neighbours meet without a seam.
   */
  fillRectangles(rectangles: ArrayLike<number>, color: Color, alpha?: number): void;
  /** An antialiased line through x, y, x, y, …, with round ends and corners. */
  polyline(points: ArrayLike<number>, color: Color, thickness: number, alpha?: number): void;
  /** Whether there are glyphs for all of a text. */
  canWrite(text: string): boolean;
  /** Width in pixels of a line of text at `size` pixels per em. */
  textWidth(text: string, size: number): number;
  /** A line of text with its baseline starting at (x, y), at `size` pixels per em. */
  text(text: string, x: number, y: number, size: number, color: Color, alpha?: number): void;
}

/** A part of a surface, in its pixels. */
export interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Width of the edge on each side of a line, in lines. */
const EDGE = 0.5;

/** Pixels of the edge on each side of a line. */
export const edgeOf = (thickness: number): number => Math.max(1, Math.round(thickness * EDGE));

/** Lines with an edge on both sides, if there is one; no line's edge covers another line. */
export function strokeEdged(
  surface: Surface,
  strokes: readonly ArrayLike<number>[],
  color: Color,
  edge: Color | undefined,
  thickness: number,
  alpha: number,
): void {
  if (edge) for (const points of strokes) surface.polyline(points, edge, thickness + 2 * edgeOf(thickness), alpha);
  for (const points of strokes) surface.polyline(points, color, thickness, alpha);
}

/** An outline of `thickness` pixels, centred on the rectangle's border as OpenCV draws it: four bars for `fillRectangles`. */
export function outlineOf(x0: number, y0: number, x1: number, y1: number, thickness: number): number[] {
  const t = Math.max(1, Math.round(thickness));
  const before = Math.floor(t / 2);
  const [left, top] = [Math.round(x0) - before, Math.round(y0) - before];
  const [right, bottom] = [Math.round(x1) - before, Math.round(y1) - before];
  return [
    ...[left, top, right + t, top + t],
    ...[left, bottom, right + t, bottom + t],
    ...[left, top + t, left + t, bottom],
    ...[right, top + t, right + t, bottom],
  ];
}
