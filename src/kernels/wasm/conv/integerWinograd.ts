/**
 * 3×3 convolution of stride 1 in int16 by Winograd's F(2×2, 3×3), without rounding: 16 products for four outputs instead of 36.
 * Its input transform only adds; the kernel's has halves, so weights hold four times its result, and what is summed is four times the
 * convolution's sum, which `scales` take into account. Numbers of nine bits become eleven, weights of eight twelve: products and
 * sums are those of `convPoint`, exact in int32.
 *
 * A tile of work is a run of 2×2 output squares in one row of them times a block of panels. In scratch memory:
 *   V[plane][square][c]: the sixteen points of each square, int16,
 *   M[plane][square]: V times the plane's weights, for eight outputs at a time, int32.
 * The input has a border, so that no point needs a check. Of squares that stick out of the output, what lies outside is read from
 * inside and stored into the sink: what lies inside does not depend on it.
 */

import { type FunctionBuilder, type I32, type I32Local, i32, type Vec, type VecLocal, vec } from "../emit/index.js";
import { type Kernel, kernel, SINK_BYTES } from "../kernel.js";
import { accumulate, type GemmTile, TILE_ROWS } from "./gemmTile.js";
import { forPanels, panelsOfBlock } from "./panels.js";
import { storeTile } from "./tileEnds.js";
import { type ConvVariant, columnsOf, convKey, outputBytes, PLACE_FIELDS, STORE_FIELDS } from "./variant.js";

const FIELDS = [
  "x",
  "xPixel",
  "xRow",
  "xImage",
  "width",
  "height",
  "squaresX",
  "rowsPerImage",
  "blockSquares",
  "blocksPerRow",
  "panelBlocks",
  "panelsPerBlock",
  "panels",
  "half",
  "depth",
  "weights",
  "panelBytes",
  "bias",
  "scales",
  ...PLACE_FIELDS,
  ...STORE_FIELDS,
] as const;
export type IntegerWinogradField = (typeof FIELDS)[number];

/** Points of a line, and of a square. */
const LINE = 4;
export const WINOGRAD_PLANES = LINE * LINE;

/** Scratch bytes for runs of `squares` (a multiple of 4) over `depth` channels. */
export function integerWinogradScratch(squares: number, depth: number): number {
  return SINK_BYTES + WINOGRAD_PLANES * squares * (depth * 2 + 32);
}

/** Bᵀ: four int16 vectors of a line to its points. */
const points = ([a, b, c, d]: readonly VecLocal[]): Vec[] => [
  vec.subI16(a, c),
  vec.addI16(b, c),
  vec.subI16(c, b),
  vec.subI16(b, d),
];

/** Aᵀ: four int32 vectors of points to two outputs. */
const outputsOf = ([a, b, c, d]: readonly VecLocal[]): Vec[] => [
  vec.addBits(vec.addBits(a, b), c),
  vec.subI32(vec.subI32(b, c), d),
];

/** Lines first along one axis, then along the other. */
function transform(
  f: FunctionBuilder,
  values: readonly (readonly VecLocal[])[],
  line: (values: readonly VecLocal[]) => Vec[],
): Vec[][] {
  const along = values.map((column) => line(column).map((value) => f.vec(value)));
  return along[0].map((_, r) => line(along.map((column) => column[r])));
}

export function integerWinograd(variant: ConvVariant): Kernel<IntegerWinogradField> {
  return kernel(
    convKey("conv2d_winograd", variant),
    FIELDS,
    (k) => {
      const { f } = k;
      const panelBlock = f.i32(i32.remU(k.tile, k.arg("panelBlocks")));
      const position = f.i32(i32.divU(k.tile, k.arg("panelBlocks")));
      const row = f.i32(i32.divU(position, k.arg("blocksPerRow")));
      const blockSquares = k.local("blockSquares");
      const first = f.i32(i32.mul(i32.remU(position, k.arg("blocksPerRow")), blockSquares));
      const count = k.min(i32.sub(k.arg("squaresX"), first), blockSquares);
      const image = f.i32(i32.divU(row, k.arg("rowsPerImage")));
      const y = f.i32(i32.shl(i32.sub(row, i32.mul(image, k.arg("rowsPerImage"))), 1));
      const place = (base: "x" | "out" | "residual"): I32 => {
        const inRow = i32.add(i32.mul(y, k.arg(`${base}Row`)), i32.mul(i32.shl(first, 1), k.arg(`${base}Pixel`)));
        return i32.add(i32.add(k.arg(base), i32.mul(image, k.arg(`${base}Image`))), inRow);
      };
      const depth = k.local("depth");
      const depthBytes = f.i32(i32.shl(depth, 1));
      const v = f.i32(i32.add(k.scratch, SINK_BYTES));
      const planeBytes = f.i32(i32.mul(blockSquares, depthBytes));
      const m = f.i32(i32.add(v, i32.mul(planeBytes, WINOGRAD_PLANES)));
      const square = f.i32();
      const width = k.local("width");
      /** Whether the square at hand has a second column, and this row of squares a second line. */
      const second = (): I32 => i32.ltS(i32.add(i32.shl(i32.add(first, square), 1), 1), width);
      const secondLine = f.i32(i32.ltS(i32.add(y, 1), k.arg("height")));

      // Squares to V.
      {
        const xRow = k.local("xRow");
        const xPixel = k.local("xPixel");
        const source = f.i32(place("x"));
        const rows = Array.from({ length: LINE }, () => f.i32());
        const channel = f.i32();
        const target = f.i32();
        const lastRow = f.i32(i32.select(secondLine, xRow, i32.const(0)));
        const lastPixel = f.i32();
        f.for(square, 0, count, 1, () => {
          f.set(lastPixel, i32.select(second(), xPixel, i32.const(0)));
          f.for(channel, 0, depthBytes, 16, () => {
            rows.forEach((r, i) => {
              f.set(r, i === 0 ? i32.add(source, channel) : i32.add(rows[i - 1], i === LINE - 1 ? lastRow : xRow));
            });
            const columns = rows.map((_, column) =>
              rows.map((r) => {
                const value = f.vec(vec.load(r));
                f.increase(r, column === LINE - 2 ? lastPixel : xPixel);
                return value;
              }),
            );
            f.set(target, i32.add(i32.add(v, i32.mul(square, depthBytes)), channel));
            for (const value of transform(f, columns, points).flat()) {
              f.storeVec(target, value);
              f.increase(target, planeBytes);
            }
          });
          f.increase(source, i32.shl(xPixel, 1));
        });
      }

      const bias = k.local("bias");
      const scales = k.local("scales");
      const constants = { bias, scales, starts: scales };
      const panels = panelsOfBlock(k, panelBlock);
      const { weights } = panels;
      const outPixel = k.local("outPixel");
      const outRow = k.local("outRow");
      const out = f.i32(place("out"));
      const residual = f.i32();
      const residualPixel = f.i32();
      const residualRow = f.i32();
      if (variant.residual) {
        f.set(residual, place("residual"));
        f.set(residualPixel, k.arg("residualPixel"));
        f.set(residualRow, k.arg("residualRow"));
      }
      const pixels = Array.from({ length: TILE_ROWS }, () => f.i32());
      const residuals = pixels.map(() => f.i32());
      forPanels(
        f,
        {
          ...panels,
          columns: [...(variant.residual ? [residual] : []), ...columnsOf(variant, constants)],
          out: { at: out, bytes: outputBytes(variant) },
        },
        (tile) => {
          const vectors = tile.accumulators[0].length;
          const squareBytes = vectors * 16;
          const planeSums = f.i32(i32.mul(blockSquares, squareBytes));
          multiply(f, tile, { v, m, weights, depth, depthBytes, planeBytes, planeSums, count, unroll: variant.unroll });
          const at = f.i32();
          const sums = f.i32();
          f.for(square, 0, count, 1, () => {
            f.set(sums, i32.add(m, i32.mul(square, squareBytes)));
            for (let vector = 0; vector < vectors; vector++) {
              f.set(at, i32.add(sums, vector * 16));
              const lines = Array.from({ length: LINE }, () =>
                Array.from({ length: LINE }, () => {
                  const value = f.vec(vec.load(at));
                  f.increase(at, planeSums);
                  return value;
                }),
              );
              transform(f, lines, outputsOf).forEach((column, x) => {
                column.forEach((value, line) => {
                  f.setVec(tile.accumulators[line * 2 + x][vector], value);
                });
              });
            }
            const inside = f.i32(second());
            const both = f.i32(i32.and(inside, secondLine));
            const corners = (
              to: readonly I32Local[],
              from: I32Local,
              pixel: I32Local,
              line: I32Local,
              sink: I32,
            ): void => {
              f.set(to[0], i32.add(from, i32.mul(i32.shl(square, 1), pixel)));
              f.set(to[1], i32.select(inside, i32.add(to[0], pixel), sink));
              f.set(to[2], i32.select(secondLine, i32.add(to[0], line), sink));
              f.set(to[3], i32.select(both, i32.add(i32.add(to[0], line), pixel), sink));
            };
            corners(pixels, out, outPixel, outRow, k.scratch);
            if (variant.residual) corners(residuals, residual, residualPixel, residualRow, residuals[0]);
            storeTile(k, tile, variant, constants, pixels, residuals);
          });
        },
      );
    },
    { unfused: true },
  );
}

/** V times the weights of one panel to M. */
function multiply(
  f: FunctionBuilder,
  tile: GemmTile,
  s: Readonly<
    Record<"v" | "m" | "weights" | "depth" | "depthBytes" | "planeBytes" | "planeSums" | "count", I32Local>
  > & { readonly unroll: number },
): void {
  const vectors = tile.accumulators[0].length;
  const words = f.i32(i32.shrU(s.depth, 1));
  const panel = f.i32(s.weights);
  const source = f.i32(s.v);
  const target = f.i32(s.m);
  const row = f.i32();
  const at = f.i32();
  const plane = f.i32();
  const group = f.i32();
  f.for(plane, 0, WINOGRAD_PLANES, 1, () => {
    f.set(row, source);
    f.set(at, target);
    f.for(group, 0, s.count, TILE_ROWS, () => {
      tile.rows.forEach((r, index) => {
        f.set(r, index === 0 ? row : i32.add(tile.rows[index - 1], s.depthBytes));
      });
      f.set(tile.weights, panel);
      for (const sums of tile.accumulators) for (const sum of sums) f.setVec(sum, vec.splat(0));
      accumulate(f, tile, words, s.unroll, "int16");
      tile.accumulators.forEach((sums, r) => {
        sums.forEach((sum, vector) => {
          f.storeVec(at, sum, (r * vectors + vector) * 16);
        });
      });
      f.increase(row, i32.mul(s.depthBytes, TILE_ROWS));
      f.increase(at, TILE_ROWS * vectors * 16);
    });
    f.increase(panel, i32.mul(s.depth, vectors * 8));
    f.increase(source, s.planeBytes);
    f.increase(target, s.planeSums);
  });
}
