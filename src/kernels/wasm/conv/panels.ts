/** The panels of eight output columns that a convolution walks through, block by block. */

import { type FunctionBuilder, type I32, type I32Local, i32 } from "../emit/index.js";
import type { KernelBody } from "../kernel.js";
import { type GemmTile, gemmTile, PANEL, TILE_ROWS } from "./gemmTile.js";

/** Arguments that say which panels a kernel has, and where their weights are. */
type PanelField = "panelsPerBlock" | "panelBlocks" | "panels" | "half" | "weights" | "panelBytes";

/** The panels of a block, for `forPanels`. */
export function panelsOfBlock<Field extends string>(k: KernelBody<Field | PanelField>, panelBlock: I32Local) {
  const perBlock = k.arg("panelsPerBlock");
  return {
    first: i32.mul(panelBlock, perBlock),
    last: k.min(i32.mul(i32.add(panelBlock, 1), perBlock), k.arg("panels")),
    half: i32.and(k.arg("half"), i32.eq(panelBlock, i32.sub(k.arg("panelBlocks"), 1))),
    weights: k.local("weights"),
    panelBytes: k.local("panelBytes"),
  };
}

/** Runs `body` with full panels [first, last) and then, where the tile has it, with the half panel of four columns. */
export function forPanels(
  f: FunctionBuilder,
  panels: {
    readonly first: I32;
    readonly last: I32Local;
    readonly half: I32;
    /** Moved on by the loop: weights (panelBytes each), bias, output and residual columns. */
    readonly weights: I32Local;
    readonly panelBytes: I32Local;
    readonly columns: readonly I32Local[];
    /** Moved on by the columns of a panel, of so many bytes each. */
    readonly out?: { readonly at: I32Local; readonly bytes: number };
    /** Of the register tile. */
    readonly rows?: number | undefined;
  },
  body: (tile: GemmTile) => void,
): void {
  const { weights, panelBytes, columns, out, last, rows = TILE_ROWS } = panels;
  const panel = f.i32(panels.first);
  f.set(weights, i32.add(weights, i32.mul(panel, panelBytes)));
  for (const column of columns) f.increase(column, i32.mul(panel, PANEL * 4));
  if (out) f.increase(out.at, i32.mul(panel, PANEL * out.bytes));
  const full = gemmTile(f, 2, rows);
  f.while(i32.ltS(panel, last), () => {
    body(full);
    f.increase(weights, panelBytes);
    for (const column of columns) f.increase(column, PANEL * 4);
    if (out) f.increase(out.at, PANEL * out.bytes);
    f.increase(panel, 1);
  });
  const narrow = gemmTile(f, 1, rows);
  f.if(panels.half, () => body(narrow));
}
