/**
 * Convolution whose taps are the same offsets for every pixel: 1×1, and the stem over an input that carries its zero
 * padding. One tap is `depth` consecutive floats of K.
 *
 * A tile is a run of output pixels in one row (a 1×1 convolution is a single row of all pixels) times a block of panels.
 */

import { type I32, i32 } from "../emit/index.js";
import { type Kernel, kernel } from "../kernel.js";
import { accumulate, TILE_ROWS } from "./gemmTile.js";
import { forPanels, panelsOfBlock } from "./panels.js";
import { raiseTile, startTile, storeTile } from "./tileEnds.js";
import { type ConvVariant, columnsOf, convKey, isInteger, outputBytes, STORE_FIELDS } from "./variant.js";

const FIELDS = [
  "x",
  "xStep",
  "xRow",
  "xImage",
  "rowsPerImage",
  "width",
  "blockWidth",
  "blocksPerRow",
  "panelBlocks",
  "panelsPerBlock",
  "panels",
  "half",
  "taps",
  "tapTable",
  "depth",
  "weights",
  "panelBytes",
  "bias",
  "scales",
  "starts",
  "out",
  "outStep",
  "outRow",
  "outImage",
  "residual",
  "residualStep",
  ...STORE_FIELDS,
] as const;
export type ConvPointField = (typeof FIELDS)[number];

/** `single`: one tap at offset 0, no tap table. */
export function convPoint(variant: ConvVariant, single: boolean): Kernel<ConvPointField> {
  const { numbers = "float32", rows: tileRows = TILE_ROWS } = variant;
  return kernel(
    convKey(single ? "conv2d_point" : "conv2d_rows", variant),
    FIELDS,
    (k) => {
      const { f } = k;
      const panelBlock = f.i32(i32.remU(k.tile, k.arg("panelBlocks")));
      const position = f.i32(i32.divU(k.tile, k.arg("panelBlocks")));
      const row = f.i32(i32.divU(position, k.arg("blocksPerRow")));
      const width = k.local("width");
      const start = f.i32(i32.mul(i32.remU(position, k.arg("blocksPerRow")), k.arg("blockWidth")));
      const end = k.min(i32.add(start, k.arg("blockWidth")), width);
      const image = f.i32(i32.divU(row, k.arg("rowsPerImage")));
      const y = f.i32(i32.sub(row, i32.mul(image, k.arg("rowsPerImage"))));
      const rowOf = (base: "x" | "out"): I32 =>
        i32.add(i32.add(k.arg(base), i32.mul(image, k.arg(`${base}Image`))), i32.mul(y, k.arg(`${base}Row`)));
      const input = f.i32(rowOf("x"));
      const xStep = k.local("xStep");
      const outStep = k.local("outStep");
      const out = f.i32(rowOf("out"));
      const residual = f.i32();
      const residualStep = f.i32();
      if (variant.residual) {
        f.set(residualStep, k.arg("residualStep"));
        f.set(residual, i32.add(k.arg("residual"), i32.mul(i32.mul(row, width), residualStep)));
      }
      const bias = k.local("bias");
      const scales = k.local("scales");
      const starts = k.local("starts");
      const constants = { bias, scales, starts };
      const panels = panelsOfBlock(k, panelBlock);
      const { weights } = panels;
      const depth = k.local("depth");
      const x = f.i32();
      const lastPixel = f.i32(i32.sub(width, 1));
      const outputs = Array.from({ length: tileRows }, () => f.i32());
      const residuals = outputs.map(() => f.i32());
      const bases = outputs.map(() => f.i32());
      const streams = [
        [outputs, out, outStep],
        [bases, input, xStep],
        ...(variant.residual ? [[residuals, residual, residualStep] as const] : []),
      ] as const;
      const tap = f.i32();
      const taps = f.i32();
      const offset = f.i32();
      forPanels(
        f,
        {
          ...panels,
          columns: [...(variant.residual ? [residual] : []), ...columnsOf(variant, constants)],
          out: { at: out, bytes: outputBytes(variant) },
          rows: tileRows,
        },
        (tile) => {
          f.for(x, start, end, tileRows, () => {
            f.if(
              i32.leS(i32.add(x, tileRows), end),
              () => {
                for (const [rows, first, step] of streams) {
                  for (const [r, row] of rows.entries()) {
                    f.set(row, r === 0 ? i32.add(first, i32.mul(x, step)) : i32.add(rows[r - 1], step));
                  }
                }
              },
              () => {
                for (let r = 0; r < tileRows; r++) {
                  // Rows beyond the end compute the last pixel again and store it into the sink.
                  const pixel = k.min(i32.add(x, r), lastPixel);
                  for (const [rows, first, step] of streams) f.set(rows[r], i32.add(first, i32.mul(pixel, step)));
                  f.set(outputs[r], i32.select(i32.ltS(i32.add(x, r), end), outputs[r], k.scratch));
                }
              },
            );
            f.set(tile.weights, weights);
            startTile(f, tile, variant, constants);
            const addTaps = (): void => {
              if (single) {
                for (let r = 0; r < tileRows; r++) f.set(tile.rows[r], bases[r]);
                accumulate(f, tile, depth, variant.unroll, numbers);
                return;
              }
              f.set(tap, k.arg("tapTable"));
              f.set(taps, i32.add(tap, i32.shl(k.arg("taps"), 2)));
              f.doWhile(
                () => {
                  f.set(offset, i32.load(tap));
                  for (let r = 0; r < tileRows; r++) f.set(tile.rows[r], i32.add(bases[r], offset));
                  accumulate(f, tile, depth, variant.unroll, numbers);
                  f.increase(tap, 4);
                },
                i32.ne(tap, taps),
              );
            };
            addTaps();
            if (variant.wide) {
              raiseTile(f, tile, constants);
              addTaps();
            }
            storeTile(k, tile, variant, constants, outputs, residuals);
          });
        },
      );
    },
    { unfused: isInteger(variant) },
  );
}
