/**
 * Weights of a Winograd convolution: K g Kᵀ for each pair of channels, packed for the micro-kernel.
 *
 * The host writes the nine weights of each pair as [panel][c][9][8] (`stageWinograd`), the kernel makes [panel][matrix][c][8]
 * of them: once, when a model is loaded. A tile is one panel.
 */

import { type I32Local, i32, type Vec, vec } from "../emit/index.js";
import { type Kernel, kernel } from "../kernel.js";
import { PANEL } from "./gemmTile.js";
import { panelsOf, wordsOf } from "./pack.js";
import { matricesOf, type WinogradScheme } from "./winogradSchemes.js";

/** Floats of the packed weights. */
export function winogradFloats(scheme: WinogradScheme, outputs: number, depth: number): number {
  return Math.ceil(outputs / 4) * 4 * depth * matricesOf(scheme);
}

/** Floats of the weights as the host writes them. */
export function winogradStagedFloats(outputs: number, depth: number): number {
  return Math.ceil(outputs / 4) * 4 * depth * 9;
}

/**
 * Writes [panel][c][9][8]; the last panel may have four columns. `at(o, c)` gives the place of the first of nine weights of
 * output o at float c of the pixel, −1 for none.
 */
export function stageWinograd(
  target: Float32Array,
  weights: Float32Array,
  outputs: number,
  depth: number,
  at: (output: number, float: number) => number,
): void {
  const { full } = panelsOf(outputs);
  const to = wordsOf(target);
  const from = wordsOf(weights);
  to.fill(0);
  for (let o = 0; o < outputs; o++) {
    const panel = Math.floor(o / PANEL);
    const columns = panel < full ? PANEL : PANEL / 2;
    const base = panel * PANEL * depth * 9 + (o - panel * PANEL);
    for (let c = 0; c < depth; c++) {
      const g = at(o, c);
      if (g < 0) continue;
      for (let i = 0; i < 9; i++) to[base + (c * 9 + i) * columns] = from[g + i];
    }
  }
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

const FIELDS = ["x", "out", "depth", "panels"] as const;

/** `panels` counts full ones. */
export function winogradPack(scheme: WinogradScheme): Kernel<(typeof FIELDS)[number]> {
  const matrices = representatives(scheme);
  const rows = [...new Set(matrices.map(([row]) => row))];
  /** Σ factors[i]·values[i] without the factors that are 0 or 1. */
  const sum = (factors: readonly number[], values: readonly Vec[]): Vec => {
    const terms = values.flatMap((value, i) => {
      if (factors[i] === 0) return [];
      return [factors[i] === 1 ? value : vec.mul(vec.splat(factors[i]), value)];
    });
    return terms.slice(1).reduce((a, b) => vec.add(a, b), terms[0]);
  };
  return kernel(`${scheme.name} pack`, FIELDS, (k) => {
    const { f } = k;
    const depth = k.local("depth");
    const source = f.i32(i32.add(k.arg("x"), i32.mul(k.tile, i32.mul(depth, 9 * PANEL * 4))));
    const target = f.i32(i32.add(k.arg("out"), i32.mul(k.tile, i32.mul(depth, matrices.length * PANEL * 4))));
    const c = f.i32();
    const from = f.i32();
    const plane = f.i32();
    const transform = (columns: number): void => {
      const step = columns * 4;
      const matrixBytes = f.i32(i32.mul(depth, step));
      f.for(c, 0, depth, 1, () => {
        for (let vector = 0; vector < columns / 4; vector++) {
          const place: I32Local = plane;
          f.set(from, i32.add(source, i32.add(i32.mul(c, 9 * step), vector * 16)));
          f.set(place, i32.add(target, i32.add(i32.mul(c, step), vector * 16)));
          const g = Array.from({ length: 9 }, (_, i) => f.vec(vec.load(from, i * step)));
          // K g by rows of K, each used by the matrices of that row.
          const lines = new Map(
            rows.map((row) => [row, [0, 1, 2].map((i) => f.vec(sum(scheme.kernel[row], [g[i], g[3 + i], g[6 + i]])))]),
          );
          for (const [row, column] of matrices) {
            f.storeVec(place, sum(scheme.kernel[column], lines.get(row) ?? []));
            f.increase(place, matrixBytes);
          }
        }
      });
    };
    f.if(
      i32.ltS(k.tile, k.arg("panels")),
      () => transform(PANEL),
      () => transform(PANEL / 2),
    );
  });
}
