/**
 * 3×3 convolution by Winograd's algorithm, for any of its schemes. A tile of work is a block of 4×4 output tiles times a
 * block of panels, all in the thread's scratch memory:
 *   V[plane][tile][c]: the points of each input tile,
 *   M[tile][plane]: V times the plane's weights, for eight outputs at a time,
 *   outputs of M, bias, activation, residual, store.
 * Weights are packed [panel][matrix][c][8] by the host (`winogradWeights`).
 */

import { type I32Local, i32, vec } from "../emit/index.js";
import { type Kernel, type KernelBody, kernel, SINK_BYTES } from "../kernel.js";
import { accumulate, type GemmTile, TILE_ROWS } from "./gemmTile.js";
import { forPanels, panelsOfBlock } from "./panels.js";
import { type ConvVariant, convKey } from "./variant.js";
import { betweenBytes, WINOGRAD_FIELDS, type WinogradField, type WinogradLocals } from "./winogradBody.js";
import { gather } from "./winogradInput.js";
import { scatter } from "./winogradOutput.js";
import { planesOf, type WinogradScheme } from "./winogradSchemes.js";

/** V times the weights of one panel to M. */
function multiply(
  k: KernelBody<WinogradField>,
  scheme: WinogradScheme,
  s: WinogradLocals,
  tile: GemmTile,
  locals: { weights: I32Local; depth: I32Local; unroll: number },
): void {
  const { f } = k;
  const vectors = tile.accumulators[0].length;
  const planes = planesOf(scheme);
  const tileBytes = vectors * planes * 16;
  const panel = f.i32(locals.weights);
  const plane = f.i32(s.v);
  const target = f.i32();
  const planeTarget = f.i32(s.m);
  const row = f.i32();
  const group = f.i32();
  const matrix = f.i32();
  const shared = f.i32();
  for (const run of scheme.runs) {
    f.for(matrix, 0, run.matrices, 1, () => {
      f.for(shared, 0, run.planes, 1, () => {
        f.set(row, plane);
        f.set(target, planeTarget);
        f.for(group, 0, s.count, TILE_ROWS, () => {
          tile.rows.forEach((r, index) => {
            f.set(r, index === 0 ? row : i32.add(tile.rows[index - 1], s.depthBytes));
          });
          f.set(tile.weights, panel);
          for (const sums of tile.accumulators) for (const sum of sums) f.setVec(sum, vec.splat(0));
          accumulate(f, tile, locals.depth, locals.unroll);
          tile.accumulators.forEach((sums, r) => {
            sums.forEach((sum, vector) => {
              f.storeVec(target, sum, r * tileBytes + vector * planes * 16);
            });
          });
          f.increase(row, i32.mul(s.depthBytes, TILE_ROWS));
          f.increase(target, tileBytes * TILE_ROWS);
        });
        f.increase(plane, s.planeBytes);
        f.increase(planeTarget, 16);
      });
      f.increase(panel, i32.mul(s.depthBytes, vectors * 4));
    });
  }
}

export function winograd(scheme: WinogradScheme, variant: ConvVariant): Kernel<WinogradField> {
  return kernel(convKey(scheme.name, variant), WINOGRAD_FIELDS, (k) => {
    const { f } = k;
    const blockTiles = k.local("blockTiles");
    const depth = k.local("depth");
    const depthBytes = f.i32(i32.shl(depth, 2));
    const panelBlock = f.i32(i32.remU(k.tile, k.arg("panelBlocks")));
    const first = f.i32(i32.mul(i32.divU(k.tile, k.arg("panelBlocks")), blockTiles));
    const between = f.i32(i32.add(k.scratch, SINK_BYTES));
    const patch = f.i32(i32.add(between, betweenBytes(scheme)));
    const v = f.i32(i32.add(patch, i32.mul(depthBytes, planesOf(scheme))));
    const planeBytes = f.i32(i32.mul(blockTiles, depthBytes));
    const shared: WinogradLocals = {
      first,
      count: k.min(i32.sub(k.arg("tiles"), first), blockTiles),
      t: f.i32(),
      image: f.i32(),
      tileY: f.i32(),
      tileX: f.i32(),
      depthBytes,
      between,
      patch,
      v,
      planeBytes,
      m: f.i32(i32.add(v, i32.mul(planeBytes, planesOf(scheme)))),
    };
    gather(k, scheme, shared);
    const panels = panelsOfBlock(k, panelBlock);
    const { weights } = panels;
    const bias = k.local("bias");
    const column = f.i32(0);
    forPanels(
      f,
      {
        ...panels,
        columns: [bias, column],
      },
      (tile) => {
        multiply(k, scheme, shared, tile, { weights, depth, unroll: variant.unroll });
        scatter(k, scheme, variant, shared, tile.accumulators[0].length, { bias, column });
      },
    );
  });
}
