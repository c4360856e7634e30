/** Labels: text in filled boxes, placed inside the picture and, if there is room, without overlaps. */

import { BLACK, type Color, luminance, WHITE } from "./palette.js";
import type { Area, Surface } from "./surface.js";
import { type Theme, themeOf } from "./theme.js";

/** The object to label. */
export interface LabelRequest {
  readonly text: string;
  /** Colour of the box behind the text, or of the strip before it. */
  readonly color: Color;
  /** The outer corners of the object's outline: x0, y0, x1, y1. */
  readonly around: readonly [number, number, number, number];
}

export interface PlacedLabel {
  readonly text: string;
  readonly color: Color;
  /** Pixels per em. */
  readonly size: number;
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** On backgrounds brighter than this, white letters get a dark rim. */
const BRIGHT = 0.3;
const RIM = 0.35;
/** Width of the strip in the object's colour, in ems. */
const STRIP = 0.35;
/** Label height in ems. */
const LINE = 1.25;
/** How far a label moves from a crowded corner, in its own heights. */
const STEPS = [1, 2, 3, 4];
/** Overlaps are avoided up to this number of labels; with more they are inevitable. */
const MOST_APART = 1000;

/**
 * Places labels in order. A label sits on the upper left corner of its object. It moves below that corner if it would
 * leave the picture at the top, moves left if it would leave at the right, and shrinks if it is wider or higher than
 * the picture. If it would cover an earlier label, it takes another corner. If labels are at all of them, it moves up or down by up to
 * four lines; if nothing is free there either, it is where it covers least.
 * @param size pixels per em.
 * @param area the picture on the surface.
 */
export function placeLabels(
  surface: Surface,
  requests: readonly LabelRequest[],
  size: number,
  area: Area,
  theme: Theme = themeOf(),
): PlacedLabel[] {
  const placed: PlacedLabel[] = [];
  for (const request of requests) {
    const choices = placesFor(surface, request, size, area, theme);
    placed.push(placed.length < MOST_APART ? leastCovering(choices, placed) : choices[0]);
  }
  return placed;
}

/** The default position first. */
function placesFor(
  surface: Surface,
  { text, color, around }: LabelRequest,
  wanted: number,
  area: Area,
  theme: Theme,
): PlacedLabel[] {
  const full = surface.textWidth(text, wanted) + wanted * (theme.label ? 0.4 + STRIP : 0.4);
  const size = Math.max(8, Math.min(wanted, (wanted * area.width) / full, area.height / LINE));
  const width = Math.ceil(surface.textWidth(text, size)) + 2 * paddingOf(size) + stripOf(size, theme);
  const height = Math.round(size * LINE);
  const [x0, y0, x1, y1] = around.map(Math.round);
  const at = (x: number, top: number): PlacedLabel => {
    const left = Math.max(area.x, Math.min(x, area.x + area.width - width));
    return { text, color, size, width, height, left, top };
  };
  const usual = y0 - height >= area.y ? y0 - height : Math.max(area.y, y0);
  const tops = [y0 - height, y0, y1, y1 - height];
  const further = STEPS.flatMap((step) => [y0 - (step + 1) * height, y1 + step * height]);
  const inside = [...tops, ...further].filter((top) => top >= area.y && top + height <= area.y + area.height);
  return [at(x0, usual), ...inside.flatMap((top) => [at(x0, top), at(x1 - width, top)])];
}

const stripOf = (size: number, { label }: Theme): number => (label ? Math.round(size * STRIP) : 0);
const paddingOf = (size: number): number => Math.round(size * 0.2);

function leastCovering(choices: readonly PlacedLabel[], placed: readonly PlacedLabel[]): PlacedLabel {
  let [best] = choices;
  let least = Number.POSITIVE_INFINITY;
  for (const choice of choices) {
    let covered = 0;
    for (const other of placed) covered += overlap(choice, other);
    if (covered < least) [best, least] = [choice, covered];
    if (least === 0) break;
  }
  return best;
}

/** Overlap of two labels in pixels. */
function overlap(a: PlacedLabel, b: PlacedLabel): number {
  const wide = Math.min(a.left + a.width, b.left + b.width) - Math.max(a.left, b.left);
  const high = Math.min(a.top + a.height, b.top + b.height) - Math.max(a.top, b.top);
  return wide > 0 && high > 0 ? wide * high : 0;
}

export function drawLabel(surface: Surface, placed: PlacedLabel, theme: Theme = themeOf(), alpha = 1): void {
  const { text, color, size, left, top, width, height } = placed;
  const { label } = theme;
  const strip = stripOf(size, theme);
  surface.fillRectangles([left, top, left + (label ? strip : width), top + height], color, alpha);
  if (label) surface.fillRectangles([left + strip, top, left + width, top + height], label.paper, alpha);
  const x = left + strip + paddingOf(size);
  const baseline = top + Math.round(height / 2 + size * 0.35);
  if (!label && luminance(color) > BRIGHT) {
    const shift = Math.max(1, size / 20);
    for (const [dx, dy] of [
      [-shift, 0],
      [shift, 0],
      [0, -shift],
      [0, shift],
    ]) {
      surface.text(text, x + dx, baseline + dy, size, BLACK, RIM * alpha);
    }
  }
  surface.text(text, x, baseline, size, label?.ink ?? WHITE, alpha);
}
