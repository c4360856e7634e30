/**
 * Convolution as implicit GEMM over indirect rows: any kernel, stride, dilation and padding, and transposed
 * convolutions one output phase at a time.
 *
 * A tile first writes a table in scratch memory: for each group of output pixels that a register tile takes, the address
 * of the input pixel under each tap (or of a page of zeros beyond the edge), then their output and residual addresses. All
 * panels of weights then reuse it.
 */

import { i32 } from "../emit/index.js";
import { type Kernel, kernel, SINK_BYTES } from "../kernel.js";
import { accumulate, TILE_ROWS } from "./gemmTile.js";
import { forPanels, panelsOfBlock } from "./panels.js";
import { startTile, storeTile } from "./tileEnds.js";
import { type ConvVariant, columnsOf, convKey, isInteger, outputBytes, PLACE_FIELDS, STORE_FIELDS } from "./variant.js";

const FIELDS = [
  "x",
  "xPixel",
  "xRow",
  "xImage",
  "inHeight",
  "inWidth",
  "strideY",
  "strideX",
  "width",
  "pixelsPerImage",
  "pixels",
  "blockPixels",
  "panelBlocks",
  "panelsPerBlock",
  "panels",
  "half",
  "taps",
  "tapTable",
  "depth",
  "zeros",
  "weights",
  "panelBytes",
  "bias",
  "scales",
  "starts",
  ...PLACE_FIELDS,
  ...STORE_FIELDS,
] as const;
export type ConvWindowField = (typeof FIELDS)[number];

/** Scratch bytes of a tile of `pixels` output pixels. */
export function convWindowScratch(pixels: number, taps: number, rows = TILE_ROWS): number {
  return SINK_BYTES + Math.ceil(pixels / rows) * (taps + 2) * rows * 4;
}

export function convWindow(variant: ConvVariant): Kernel<ConvWindowField> {
  const { numbers = "float32", rows: tileRows = TILE_ROWS } = variant;
  const groupBytes = tileRows * 4;
  return kernel(
    convKey("conv2d_window", variant),
    FIELDS,
    (k) => {
      const { f } = k;
      const panelBlock = f.i32(i32.remU(k.tile, k.arg("panelBlocks")));
      const start = f.i32(i32.mul(i32.divU(k.tile, k.arg("panelBlocks")), k.arg("blockPixels")));
      const pixels = k.local("pixels");
      const end = k.min(i32.add(start, k.arg("blockPixels")), pixels);
      const table = f.i32(i32.add(k.scratch, SINK_BYTES));
      const taps = k.local("taps");
      const pixel = f.i32();

      // The table of addresses.
      {
        const entry = f.i32(table);
        const slot = f.i32();
        const lane = f.i32();
        const p = f.i32();
        const image = f.i32();
        const rest = f.i32();
        const y = f.i32();
        const x = f.i32();
        const iy = f.i32();
        const ix = f.i32();
        const baseY = f.i32();
        const baseX = f.i32();
        const tap = f.i32();
        const lastTap = f.i32(i32.add(k.arg("tapTable"), i32.shl(taps, 3)));
        const imageBase = f.i32();
        const width = k.local("width");
        const inHeight = k.local("inHeight");
        const inWidth = k.local("inWidth");
        const zeros = k.local("zeros");
        const xRow = k.local("xRow");
        const xPixel = k.local("xPixel");
        f.for(pixel, start, end, tileRows, () => {
          f.for(lane, 0, tileRows, 1, () => {
            f.set(p, i32.add(pixel, lane));
            f.set(p, i32.select(i32.ltS(p, pixels), p, i32.sub(pixels, 1)));
            f.set(slot, i32.add(entry, i32.shl(lane, 2)));
            f.set(image, i32.divU(p, k.arg("pixelsPerImage")));
            f.set(rest, i32.sub(p, i32.mul(image, k.arg("pixelsPerImage"))));
            f.set(y, i32.divU(rest, width));
            f.set(x, i32.sub(rest, i32.mul(y, width)));
            f.set(baseY, i32.mul(y, k.arg("strideY")));
            f.set(baseX, i32.mul(x, k.arg("strideX")));
            f.set(imageBase, i32.add(k.arg("x"), i32.mul(image, k.arg("xImage"))));
            f.set(tap, k.arg("tapTable"));
            f.doWhile(
              () => {
                f.set(iy, i32.add(baseY, i32.load(tap)));
                f.set(ix, i32.add(baseX, i32.load(tap, 4)));
                const address = i32.add(imageBase, i32.add(i32.mul(iy, xRow), i32.mul(ix, xPixel)));
                const inside = i32.and(i32.ltU(iy, inHeight), i32.ltU(ix, inWidth));
                f.store(slot, i32.select(inside, address, zeros));
                f.increase(slot, groupBytes);
                f.increase(tap, 8);
              },
              i32.ne(tap, lastTap),
            );
            const place = (
              base: "out" | "residual",
              image_: "outImage" | "residualImage",
              row: "outRow" | "residualRow",
              step: "outPixel" | "residualPixel",
            ) =>
              i32.add(
                i32.add(k.arg(base), i32.mul(image, k.arg(image_))),
                i32.add(i32.mul(y, k.arg(row)), i32.mul(x, k.arg(step))),
              );
            const out = place("out", "outImage", "outRow", "outPixel");
            f.store(slot, i32.select(i32.ltS(i32.add(pixel, lane), end), out, k.scratch));
            if (variant.residual) {
              f.store(slot, place("residual", "residualImage", "residualRow", "residualPixel"), groupBytes);
            }
          });
          f.increase(entry, i32.mul(i32.add(taps, 2), groupBytes));
        });
      }

      const bias = k.local("bias");
      const scales = k.local("scales");
      const starts = k.local("starts");
      const constants = { bias, scales, starts };
      const panels = panelsOfBlock(k, panelBlock);
      const { weights } = panels;
      const depth = k.local("depth");
      const column = f.i32(0);
      const outColumn = f.i32(0);
      const entry = f.i32();
      const left = f.i32();
      const outputs = Array.from({ length: tileRows }, () => f.i32());
      const residuals = outputs.map(() => f.i32());
      forPanels(
        f,
        {
          ...panels,
          columns: [column, ...columnsOf(variant, constants)],
          out: { at: outColumn, bytes: outputBytes(variant) },
          rows: tileRows,
        },
        (tile) => {
          f.set(entry, table);
          f.for(pixel, start, end, tileRows, () => {
            f.set(tile.weights, weights);
            startTile(f, tile, variant, constants);
            f.set(left, taps);
            f.doWhile(() => {
              for (let r = 0; r < tileRows; r++) f.set(tile.rows[r], i32.load(entry, r * 4));
              f.increase(entry, groupBytes);
              accumulate(f, tile, depth, variant.unroll, numbers);
              f.set(left, i32.sub(left, 1));
            }, left);
            for (let r = 0; r < tileRows; r++) {
              // The sink takes no column offset: it is one tile wide.
              const address = f.i32(i32.load(entry, r * 4));
              f.set(outputs[r], i32.select(i32.eq(address, k.scratch), k.scratch, i32.add(address, outColumn)));
              if (variant.residual) f.set(residuals[r], i32.add(i32.load(entry, groupBytes + r * 4), column));
            }
            f.increase(entry, 2 * groupBytes);
            storeTile(k, tile, variant, constants, outputs, residuals);
          });
        },
      );
    },
    { unfused: isInteger(variant) },
  );
}
