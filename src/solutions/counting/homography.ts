/** The projective map of a plane: four points of a picture → four points of the ground. */

import { OptionError } from "../../errors.js";
import type { Point } from "../geometry.js";

/** Smaller pivots mean that points coincide or that three of them lie on a line. */
const LEAST_PIVOT = 1e-9;

/** Maps points of a picture to points on a plane, such as the ground. */
export class Homography {
  /** Row-major 3×3; the last number is 1. */
  private readonly matrix: readonly number[];

  /**
   * @param from four points of the picture, no three on a line.
   * @param to their positions on the plane, in any unit.
   * @throws OptionError.
   */
  constructor(from: readonly Point[], to: readonly Point[]) {
    if (from.length !== 4 || to.length !== 4 || ![...from, ...to].flat().every(Number.isFinite)) {
      throw new OptionError(`homography: needs four points and where they are, got ${from.length} and ${to.length}`);
    }
    // Coordinates in a picture are in the thousands. They are scaled to 1, so that a bad choice has small pivots.
    const scale = Math.max(...from.flat().map(Math.abs), 1);
    const rows = from.flatMap(([px, py], i) => {
      const [x, y, [u, v]] = [px / scale, py / scale, to[i]];
      return [
        [x, y, 1, 0, 0, 0, -u * x, -u * y, u],
        [0, 0, 0, x, y, 1, -v * x, -v * y, v],
      ];
    });
    const [a, b, c, d, e, f, g, h] = solve(rows);
    this.matrix = [a / scale, b / scale, c, d / scale, e / scale, f, g / scale, h / scale, 1];
  }

  /** The position of a picture's point on the plane; not finite beyond the horizon. */
  apply([x, y]: Point): Point {
    const [a, b, c, d, e, f, g, h, i] = this.matrix;
    const w = g * x + h * y + i;
    return [(a * x + b * y + c) / w, (d * x + e * y + f) / w];
  }
}

/** Gaussian elimination with partial pivoting. @param rows augmented, changed in place. */
function solve(rows: number[][]): number[] {
  const count = rows.length;
  for (let k = 0; k < count; k++) {
    let best = k;
    for (let i = k + 1; i < count; i++) if (Math.abs(rows[i][k]) > Math.abs(rows[best][k])) best = i;
    if (!(Math.abs(rows[best][k]) > LEAST_PIVOT)) {
      throw new OptionError("the ground: three of the four points lie on one line; give the corners of a quadrangle");
    }
    [rows[k], rows[best]] = [rows[best], rows[k]];
    for (let i = 0; i < count; i++) {
      if (i === k) continue;
      const factor = rows[i][k] / rows[k][k];
      for (let j = k; j <= count; j++) rows[i][j] -= factor * rows[k][j];
    }
  }
  return rows.map((row, i) => row[count] / row[i]);
}
