/** Lines and polygons with a label, such as those that objects are counted at. */

import type { LabelRequest } from "./label.js";
import type { Color } from "./palette.js";
import { type Surface, strokeEdged } from "./surface.js";
import { figureColor, type Theme } from "./theme.js";

/** A line or polygon in picture pixels. */
export interface Figure {
  /** x, y, x, y, …. */
  readonly points: readonly number[];
  /** True for a polygon; otherwise a line, with an arrow across it that points to the `in` side. */
  readonly closed: boolean;
  readonly label?: string | undefined;
  /** Default: depends on the theme; amber without one. */
  readonly color?: Color | undefined;
}

/** Line width, in widths of a box's outline. */
const WIDE = 1.25;
/** Length of the arrow and of its head, in line widths. */
const ARROW = 10;
const HEAD = 4;

/** @param place maps picture pixels to surface pixels. */
export function drawFigures(
  surface: Surface,
  figures: readonly Figure[],
  place: (points: ArrayLike<number>) => number[],
  theme: Theme,
  thickness: number,
  alpha: number,
): void {
  for (const { points, closed, color = figureColor(theme) } of figures) {
    const own = place(points);
    const strokes = closed ? [[...own, own[0], own[1]]] : [own, ...arrowOf(own, thickness)];
    strokeEdged(surface, strokes, color, theme.edge, thickness * WIDE, alpha);
  }
}

/** Across the middle of a line, to the right hand of who looks along it. */
function arrowOf([x0, y0, x1, y1]: readonly number[], thickness: number): number[][] {
  const length = Math.hypot(x1 - x0, y1 - y0);
  if (!(length > 0)) return [];
  const [ux, uy] = [(x1 - x0) / length, (y1 - y0) / length];
  const [nx, ny] = [-uy, ux];
  const [cx, cy] = [(x0 + x1) / 2, (y0 + y1) / 2];
  const long = ARROW * thickness;
  const head = HEAD * thickness;
  const tip = [cx + nx * long, cy + ny * long] as const;
  const back = (side: 1 | -1): number[] => [
    tip[0] - nx * head + side * ux * head,
    tip[1] - ny * head + side * uy * head,
    tip[0],
    tip[1],
  ];
  return [[cx, cy, tip[0], tip[1]], back(1), back(-1)];
}

/** Labels at the first point of each figure. */
export function figureLabels(
  figures: readonly Figure[],
  place: (points: ArrayLike<number>) => number[],
  theme: Theme,
): LabelRequest[] {
  return figures.flatMap(({ points, label, color = figureColor(theme) }) => {
    if (!label) return [];
    const [x, y] = place(points.slice(0, 2)).map(Math.round);
    return [{ text: label, color, around: [x, y, x, y] }];
  });
}
