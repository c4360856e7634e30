/**
 * Antialiased filling: outlines are accumulated as signed areas, and a running sum over the pixels then yields the
 * coverage of each pixel. Exact for any number of shapes that do not intersect themselves. Source: the accumulation
 * buffer of Raph Levien's font-rs ("Inside the fastest font renderer in the world", 2016).
 */

/** A window of pixels; `x` and `y` are its upper left corner in the picture. */
export class Coverage {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Changes in coverage, with two extra cells so that an edge on the right border stays inside. */
  private readonly changes: Float32Array;

  /** All added outlines must lie within the window. */
  constructor(x: number, y: number, width: number, height: number) {
    this.x = x;
    this.y = y;
    this.width = width;
    this.height = height;
    this.changes = new Float32Array(width * height + 2);
  }

  /** Adds the edges of an outline x, y, x, y, …, which ends where it begins, in picture pixels. */
  outline(points: Float64Array): void {
    for (let i = 0; i + 3 < points.length; i += 2) this.edge(points, i, i + 2);
  }

  /** From one point to another. Numbers stay where they are: handed over one by one, each would be an object. */
  private edge(points: ArrayLike<number>, from: number, to: number): void {
    const fromX = points[from];
    const fromY = points[from + 1];
    const toX = points[to];
    const toY = points[to + 1];
    if (fromY === toY) return;
    const down = fromY < toY;
    const direction = down ? 1 : -1;
    const x0 = (down ? fromX : toX) - this.x;
    const y0 = (down ? fromY : toY) - this.y;
    const x1 = (down ? toX : fromX) - this.x;
    const y1 = (down ? toY : fromY) - this.y;
    const slope = (x1 - x0) / (y1 - y0);
    const { changes, width } = this;
    let x = x0;
    for (let row = Math.floor(y0); row < Math.min(this.height, Math.ceil(y1)); row++) {
      const dy = Math.min(row + 1, y1) - Math.max(row, y0);
      const next = x + slope * dy;
      const area = direction * dy;
      const left = Math.min(x, next);
      const right = Math.max(x, next);
      const first = Math.floor(left);
      const end = Math.ceil(right);
      const at = row * width + first;
      if (end <= first + 1) {
        // The edge stays in one pixel of this row.
        const middle = (left + right) / 2 - first;
        changes[at] += area * (1 - middle);
        changes[at + 1] += area * middle;
      } else {
        const perPixel = 1 / (right - left);
        const inFirst = 1 - (left - first);
        const firstArea = 0.5 * perPixel * inFirst * inFirst;
        const inLast = right - end + 1;
        const lastArea = 0.5 * perPixel * inLast * inLast;
        changes[at] += area * firstArea;
        if (end === first + 2) {
          changes[at + 1] += area * (1 - firstArea - lastArea);
        } else {
          const second = perPixel * (1.5 - (left - first));
          changes[at + 1] += area * (second - firstArea);
          for (let i = first + 2; i < end - 1; i++) changes[at + i - first] += area * perPixel;
          const beforeLast = second + (end - first - 3) * perPixel;
          changes[at + end - 1 - first] += area * (1 - beforeLast - lastArea);
        }
        changes[at + end - first] += area * lastArea;
      }
      x = next;
    }
  }

  /** Closes a polygon x, y, x, y, … */
  polygon(points: ArrayLike<number>): void {
    const n = points.length;
    if (n < 6) return;
    for (let i = 0; i < n; i += 2) this.edge(points, i, (i + 2) % n);
  }

  /** The coverage of each pixel, 0 to 1, row-major. */
  sums(): Float32Array {
    const { changes, width, height } = this;
    const out = new Float32Array(width * height);
    let sum = 0;
    for (let i = 0; i < out.length; i++) {
      sum += changes[i];
      // Rounding leaves a residue in sums that should be zero.
      const covered = Math.min(Math.abs(sum), 1);
      out[i] = covered < 1 / 512 ? 0 : covered;
    }
    return out;
  }
}

/** A polygon's part inside a rectangle (Sutherland and Hodgman, 1974). */
export function clipPolygon(
  points: ArrayLike<number>,
  minX: number,
  minY: number,
  maxX: number,
  maxY: number,
): ArrayLike<number> {
  if (liesWithin(points, minX, minY, maxX, maxY)) return points;
  let polygon: readonly number[] = Array.from(points);
  const sides = [
    { axis: 0, bound: minX, sign: 1 },
    { axis: 0, bound: maxX, sign: -1 },
    { axis: 1, bound: minY, sign: 1 },
    { axis: 1, bound: maxY, sign: -1 },
  ] as const;
  for (const { axis, bound, sign } of sides) {
    const kept: number[] = [];
    for (let i = 0; i < polygon.length; i += 2) {
      const j = (i + 2) % polygon.length;
      const here = (polygon[i + axis] - bound) * sign;
      const there = (polygon[j + axis] - bound) * sign;
      if (here >= 0) kept.push(polygon[i], polygon[i + 1]);
      if (here >= 0 !== there >= 0) {
        const t = here / (here - there);
        kept.push(polygon[i] + t * (polygon[j] - polygon[i]), polygon[i + 1] + t * (polygon[j + 1] - polygon[i + 1]));
      }
    }
    polygon = kept;
  }
  return polygon;
}

function liesWithin(points: ArrayLike<number>, minX: number, minY: number, maxX: number, maxY: number): boolean {
  for (let i = 0; i < points.length; i += 2) {
    const x = points[i];
    const y = points[i + 1];
    if (!(x >= minX && x <= maxX && y >= minY && y <= maxY)) return false;
  }
  return true;
}
