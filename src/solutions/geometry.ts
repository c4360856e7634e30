/** Points, lines and polygons. Pixels; y grows downwards. */

import { OptionError } from "../errors.js";

/** A point in pixels. */
export type Point = readonly [x: number, y: number];

/** Distance of a point from the line through `from` and `to`: positive on the right hand of who looks from one to the other. */
export function sideOf([x, y]: Point, from: Point, to: Point): number {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  return (dx * (y - from[1]) - dy * (x - from[0])) / Math.hypot(dx, dy);
}

/** Distance of a point from a line segment. */
export function distanceToSegment([x, y]: Point, [ax, ay]: Point, [bx, by]: Point): number {
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy;
  const along = length > 0 ? Math.min(Math.max(((x - ax) * dx + (y - ay) * dy) / length, 0), 1) : 0;
  return Math.hypot(x - ax - along * dx, y - ay - along * dy);
}

/** Whether a polygon contains a point (even-odd rule). */
export function contains(polygon: readonly Point[], [x, y]: Point): boolean {
  let inside = false;
  for (const [i, [ax, ay]] of polygon.entries()) {
    const [bx, by] = polygon[(i + 1) % polygon.length];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}

/** Of a square around the origin: less than its numbers can say. */
const NO_AREA = 1e-9;

/**
 * Why a polygon has no clear inside; undefined: it has.
 * @param points three or more; in fractions or in pixels.
 */
export function polygonProblem(points: readonly Point[]): string | undefined {
  for (const [i, [a, b]] of edgesOf(points).entries()) {
    for (const [j, [c, d]] of edgesOf(points).entries()) {
      const neighbours = j === i + 1 || (i === 0 && j === points.length - 1);
      if (j > i && !neighbours && crosses(a, b, c, d)) return "crosses itself";
    }
  }
  // Fractions of a straight line do not add up to exactly 0.
  const extent = Math.max(...points.flat().map(Math.abs));
  return Math.abs(shoelace(points)) > NO_AREA * extent * extent ? undefined : "has no area";
}

const edgesOf = (points: readonly Point[]): (readonly [Point, Point])[] =>
  points.map((point, i) => [point, points[(i + 1) % points.length]]);

/** Twice the area, negative where the corners go round to the left. */
const shoelace = (points: readonly Point[]): number =>
  edgesOf(points).reduce((sum, [[ax, ay], [bx, by]]) => sum + ax * by - bx * ay, 0);

/** Whether two segments cross, in a point inside of both. */
function crosses(a: Point, b: Point, c: Point, d: Point): boolean {
  const turn = (from: Point, to: Point, point: Point): number => Math.sign(shoelace([from, to, point]));
  return turn(a, b, c) * turn(a, b, d) < 0 && turn(c, d, a) * turn(c, d, b) < 0;
}

/** Whether any part of a path lies in a picture. */
export function touches(
  points: readonly Point[],
  { width, height }: { readonly width: number; readonly height: number },
): boolean {
  const corners: readonly Point[] = [
    [0, 0],
    [width, 0],
    [width, height],
    [0, height],
  ];
  const within = ([x, y]: Point): boolean => x >= 0 && y >= 0 && x <= width && y <= height;
  return (
    points.some(within) ||
    (points.length > 2 && corners.some((corner) => contains(points, corner))) ||
    edgesOf(points).some(([a, b]) => edgesOf(corners).some(([c, d]) => crosses(a, b, c, d)))
  );
}

/** Distance of a point from the outline of a polygon. */
export function distanceToOutline(polygon: readonly Point[], point: Point): number {
  return polygon.reduce(
    (least, corner, i) => Math.min(least, distanceToSegment(point, corner, polygon[(i + 1) % polygon.length])),
    Number.POSITIVE_INFINITY,
  );
}

/**
 * x, y, x, y, … → points, in pixels.
 * @param picture if given, and if no number is above 1, the numbers are fractions of its sides.
 * @throws OptionError for an odd count, and for numbers that are not finite.
 */
export function pointsOf(
  numbers: readonly number[],
  picture?: { readonly width: number; readonly height: number },
): Point[] {
  if (numbers.length % 2 !== 0 || !numbers.every(Number.isFinite)) {
    throw new OptionError(`points must be finite numbers x, y, x, y, …, got ${numbers.join(", ")}`, { numbers });
  }
  const scaled = picture !== undefined && numbers.every((value) => value >= 0 && value <= 1);
  const [sx, sy] = scaled ? [picture.width, picture.height] : [1, 1];
  return Array.from({ length: numbers.length / 2 }, (_, i) => [numbers[2 * i] * sx, numbers[2 * i + 1] * sy]);
}
