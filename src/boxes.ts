/** Boxes as corners: their areas and intersections. */

/** x1, y1, x2, y2 in pixels. */
export type Xyxy = readonly [number, number, number, number];

export const areaOf = ([x1, y1, x2, y2]: Xyxy): number => Math.max(x2 - x1, 0) * Math.max(y2 - y1, 0);

/** The area that two boxes share; 0 if they do not overlap. */
export function intersectionOf(a: Xyxy, b: Xyxy): number {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  return width > 0 && height > 0 ? width * height : 0;
}

/** Intersection over union; 0 for empty boxes. */
export function iouOf(a: Xyxy, b: Xyxy): number {
  const common = intersectionOf(a, b);
  return common > 0 ? common / (areaOf(a) + areaOf(b) - common) : 0;
}

/** Intersection over the smaller box; 0 for empty boxes. */
export function iosOf(a: Xyxy, b: Xyxy): number {
  const common = intersectionOf(a, b);
  return common > 0 ? common / Math.min(areaOf(a), areaOf(b)) : 0;
}

/** The part of a box inside another; upside down if there is none. */
export function clipTo(a: Xyxy, b: Xyxy): Xyxy {
  return [Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.min(a[3], b[3])];
}

/** The smallest box around both. */
export function unionOf(a: Xyxy, b: Xyxy): Xyxy {
  return [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[2], b[2]), Math.max(a[3], b[3])];
}

/** Larger on each side by a fraction of its width or height. */
export function grownBy([x1, y1, x2, y2]: Xyxy, fraction: number): Xyxy {
  const [dx, dy] = [(x2 - x1) * fraction, (y2 - y1) * fraction];
  return [x1 - dx, y1 - dy, x2 + dx, y2 + dy];
}
