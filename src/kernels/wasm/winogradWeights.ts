/** Weights of a Winograd convolution, made by the host: K g Kᵀ for each pair of channels, packed for the micro-kernel. */

import { PANEL } from "./gemmTile.js";
import { panelsOf } from "./pack.js";
import { matricesOf, type WinogradScheme } from "./winogradSchemes.js";

/** Floats of the packed weights. */
export function winogradFloats(scheme: WinogradScheme, outputs: number, depth: number): number {
  return Math.ceil(outputs / 4) * 4 * depth * matricesOf(scheme);
}

/** Row and column of one point of each weight matrix. */
function representatives(scheme: WinogradScheme): [row: number, column: number][] {
  const byPlane = new Map<number, [number, number]>();
  for (let row = 0; row < scheme.line; row++) {
    for (let column = 0; column < scheme.line; column++) byPlane.set(scheme.plane(row, column), [row, column]);
  }
  const found: [number, number][] = [];
  let plane = 0;
  for (const { matrices, planes } of scheme.runs) {
    for (let i = 0; i < matrices; i++, plane += planes) found.push(byPlane.get(plane) ?? [0, 0]);
  }
  return found;
}

/**
 * Writes [panel][matrix][c][8], computed in float64. `at(o, c)` gives the place of the first of nine weights of output o
 * at float c of the pixel, −1 for none.
 */
export function winogradWeights(
  scheme: WinogradScheme,
  target: Float32Array,
  weights: Float32Array,
  outputs: number,
  depth: number,
  at: (output: number, float: number) => number,
): void {
  const { kernel } = scheme;
  const matrices = representatives(scheme);
  const { full } = panelsOf(outputs);
  // Each matrix as its nine factors.
  const factors = Float64Array.from(
    matrices.flatMap(([row, column]) => kernel[row].flatMap((a) => kernel[column].map((b) => a * b))),
  );
  target.fill(0);
  for (let o = 0; o < outputs; o++) {
    const panel = Math.floor(o / PANEL);
    const columns = panel < full ? PANEL : PANEL / 2;
    const base = panel * PANEL * depth * matrices.length + (o - panel * PANEL);
    for (let c = 0; c < depth; c++) {
      const g = at(o, c);
      if (g < 0) continue;
      for (let matrix = 0; matrix < matrices.length; matrix++) {
        const k = matrix * 9;
        let sum = 0;
        for (let i = 0; i < 9; i++) sum += factors[k + i] * weights[g + i];
        target[base + (matrix * depth + c) * columns] = sum;
      }
    }
  }
}
