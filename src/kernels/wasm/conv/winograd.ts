/**
 * 3×3 convolution by Winograd's algorithm, for any of its schemes. A tile of work is a block of 4×4 output tiles times a
 * block of panels, all in the thread's scratch memory:
 *   V[plane][tile][c]: the points of each input tile,
 *   M[tile][plane]: V times the plane's weights, for eight outputs at a time,
 *   outputs of M, bias, activation, residual, store.
 * Weights are packed [panel][matrix][c][8] by the host (`winogradWeights`).
 */

import { type FunctionBuilder, type I32, type I32Local, i32, type VecLocal, vec } from "../emit/index.js";
import { type Kernel, type KernelBody, kernel, SINK_BYTES } from "../kernel.js";
import { activate } from "../map/activations.js";
import { type ConvVariant, convKey, forPanels } from "./convPoint.js";
import { accumulate, type GemmTile, TILE_ROWS } from "./gemmTile.js";
import { planesOf, WINOGRAD_TILE, type WinogradScheme } from "./winogradSchemes.js";

const FIELDS = [
  "x",
  "xPixel",
  "xRow",
  "xImage",
  "inHeight",
  "inWidth",
  "padY",
  "padX",
  "tilesX",
  "tilesPerImage",
  "tiles",
  "blockTiles",
  "depth",
  "panelBlocks",
  "panelsPerBlock",
  "weights",
  "panelBytes",
  "panels",
  "half",
  "bias",
  "out",
  "outPixel",
  "outRow",
  "outImage",
  "outHeight",
  "outWidth",
  "residual",
  "residualPixel",
  "residualRow",
  "residualImage",
] as const;
export type WinogradField = (typeof FIELDS)[number];

/** Bytes of a tile of vectors between the two passes of a transform. */
const betweenBytes = (scheme: WinogradScheme): number => planesOf(scheme) * 16;

/** Scratch bytes for blocks of `tiles` output tiles (a multiple of 4) over `depth` channels. */
export function winogradScratch(scheme: WinogradScheme, tiles: number, depth: number): number {
  const planes = planesOf(scheme);
  return SINK_BYTES + betweenBytes(scheme) + planes * depth * 4 + planes * tiles * (depth + 8) * 4;
}

/** `count` loads from `address` on, `step` bytes apart. */
function loads(f: FunctionBuilder, address: I32Local, count: number, step: number): VecLocal[] {
  return Array.from({ length: count }, (_, i) => f.vec(vec.load(address, i * step)));
}

/** Locals that all parts of the kernel share. */
interface Shared {
  /** First output tile of the block and how many there are. */
  readonly first: I32Local;
  readonly count: I32Local;
  /** Index within the block of the tile at hand, and where it is. */
  readonly t: I32Local;
  readonly image: I32Local;
  readonly tileY: I32Local;
  readonly tileX: I32Local;
  readonly depthBytes: I32Local;
  readonly between: I32Local;
  readonly patch: I32Local;
  readonly v: I32Local;
  readonly planeBytes: I32Local;
  readonly m: I32Local;
}

/** Where tile `t` of the block lies. */
function locate(k: KernelBody<WinogradField>, s: Shared): void {
  const { f } = k;
  const tile = f.i32(i32.add(s.first, s.t));
  f.set(s.image, i32.divU(tile, k.arg("tilesPerImage")));
  const rest = f.i32(i32.sub(tile, i32.mul(s.image, k.arg("tilesPerImage"))));
  f.set(s.tileY, i32.divU(rest, k.arg("tilesX")));
  f.set(s.tileX, i32.sub(rest, i32.mul(s.tileY, k.arg("tilesX"))));
}

/** Input tiles to V. */
function gather(k: KernelBody<WinogradField>, scheme: WinogradScheme, s: Shared): void {
  const { f } = k;
  const { line } = scheme;
  const planes = planesOf(scheme);
  const step = WINOGRAD_TILE * scheme.stride;
  const y = f.i32();
  const x = f.i32();
  const row = f.i32();
  const column = f.i32();
  const source = f.i32();
  const rowStep = f.i32();
  const pixelStep = f.i32();
  const channel = f.i32();
  const target = f.i32();
  const inHeight = k.local("inHeight");
  const inWidth = k.local("inWidth");
  const rows = Array.from({ length: line }, () => f.i32());
  const at = f.i32();
  const i = f.i32();
  const plane = f.i32();
  f.for(s.t, 0, s.count, 1, () => {
    locate(k, s);
    f.set(y, i32.sub(i32.mul(s.tileY, step), k.arg("padY")));
    f.set(x, i32.sub(i32.mul(s.tileX, step), k.arg("padX")));
    f.set(rowStep, k.arg("xRow"));
    f.set(pixelStep, k.arg("xPixel"));
    const origin = i32.add(i32.mul(y, rowStep), i32.mul(x, pixelStep));
    f.set(source, i32.add(i32.add(k.arg("x"), i32.mul(s.image, k.arg("xImage"))), origin));
    const inside = i32.and(
      i32.and(i32.geS(y, 0), i32.leS(i32.add(y, line), inHeight)),
      i32.and(i32.geS(x, 0), i32.leS(i32.add(x, line), inWidth)),
    );
    f.if(i32.eqz(inside), () => {
      // A tile over the edge: its pixels are copied beside each other, zeros where there are none.
      f.zeroMemory(s.patch, i32.mul(s.depthBytes, planes));
      f.set(target, s.patch);
      f.for(row, y, i32.add(y, line), 1, () => {
        f.for(column, x, i32.add(x, line), 1, () => {
          f.if(i32.and(i32.ltU(row, inHeight), i32.ltU(column, inWidth)), () => {
            const shift = i32.add(i32.mul(i32.sub(row, y), rowStep), i32.mul(i32.sub(column, x), pixelStep));
            f.copyMemory(target, i32.add(source, shift), s.depthBytes);
          });
          f.increase(target, s.depthBytes);
        });
      });
      f.set(source, s.patch);
      f.set(pixelStep, s.depthBytes);
      f.set(rowStep, i32.mul(s.depthBytes, line));
    });
    f.set(target, i32.add(s.v, i32.mul(s.t, s.depthBytes)));
    f.for(channel, 0, s.depthBytes, 16, () => {
      f.set(rows[0], i32.add(source, channel));
      for (let r = 1; r < line; r++) f.set(rows[r], i32.add(rows[r - 1], rowStep));
      f.set(at, s.between);
      f.for(i, 0, line, 1, () => {
        const d = rows.map((r) => f.vec(vec.load(r)));
        scheme.input(f, d).forEach((value, r) => {
          f.storeVec(at, value, r * line * 16);
        });
        for (const r of rows) f.increase(r, pixelStep);
        f.increase(at, 16);
      });
      f.set(at, s.between);
      for (let r = 0; r < line; r++) {
        const values = scheme.input(f, loads(f, at, line, 16));
        const order = values
          .map((value, c) => ({ value, plane: scheme.plane(r, c) }))
          .sort((a, b) => a.plane - b.plane);
        let reached = 0;
        f.set(plane, i32.add(target, channel));
        for (const { value, plane: number } of order) {
          if (number !== reached) {
            const planesOn = number - reached;
            f.increase(plane, planesOn === 1 ? s.planeBytes : i32.mul(s.planeBytes, planesOn));
          }
          reached = number;
          f.storeVec(plane, value);
        }
        f.increase(at, line * 16);
      }
    });
  });
}

/** V times the weights of one panel to M. */
function multiply(
  k: KernelBody<WinogradField>,
  scheme: WinogradScheme,
  s: Shared,
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

/** M to output pixels, for the channels of one panel. */
function scatter(
  k: KernelBody<WinogradField>,
  scheme: WinogradScheme,
  variant: ConvVariant,
  s: Shared,
  vectors: number,
  locals: { bias: I32Local; column: I32Local },
): void {
  const { f } = k;
  const { line } = scheme;
  const planes = planesOf(scheme);
  const out = f.i32();
  const residual = f.i32();
  const source = f.i32();
  const at = f.i32();
  const i = f.i32();
  const x = f.i32();
  const y = f.i32();
  f.for(s.t, 0, s.count, 1, () => {
    locate(k, s);
    f.set(y, i32.mul(s.tileY, WINOGRAD_TILE));
    f.set(x, i32.mul(s.tileX, WINOGRAD_TILE));
    const place = (base: "out" | "residual"): I32 => {
      const pixel = i32.add(i32.mul(y, k.arg(`${base}Row`)), i32.mul(x, k.arg(`${base}Pixel`)));
      return i32.add(i32.add(i32.add(k.arg(base), i32.mul(s.image, k.arg(`${base}Image`))), pixel), locals.column);
    };
    const rowsLeft = k.min(i32.sub(k.arg("outHeight"), y), i32.const(WINOGRAD_TILE));
    const columnsLeft = f.i32(i32.sub(k.arg("outWidth"), x));
    for (let vector = 0; vector < vectors; vector++) {
      f.set(out, i32.add(place("out"), vector * 16));
      if (variant.residual) f.set(residual, i32.add(place("residual"), vector * 16));
      const bias = f.vec(vec.load(locals.bias, vector * 16));
      f.set(source, i32.add(s.m, i32.add(i32.mul(s.t, vectors * planes * 16), vector * planes * 16)));
      for (let column = 0; column < line; column++) {
        const m = Array.from({ length: line }, (_, r) => f.vec(vec.load(source, scheme.plane(r, column) * 16)));
        scheme.output(f, m).forEach((value, r) => {
          f.storeVec(s.between, value, (r * line + column) * 16);
        });
      }
      f.set(at, s.between);
      f.for(i, 0, rowsLeft, 1, () => {
        const values = scheme.output(f, loads(f, at, line, 16));
        const target = f.i32(out);
        const shortcut = f.i32(residual);
        values.forEach((value, index) => {
          const write = (): void => {
            let result = activate(f, variant.activation, vec.add(value, bias));
            if (variant.residual) result = vec.add(f.vec(result), vec.load(shortcut));
            f.storeVec(target, result);
          };
          if (index === 0) write();
          else f.if(i32.gtS(columnsLeft, index), write);
          if (index === WINOGRAD_TILE - 1) return;
          f.increase(target, k.arg("outPixel"));
          if (variant.residual) f.increase(shortcut, k.arg("residualPixel"));
        });
        f.increase(at, line * 16);
        f.increase(out, k.arg("outRow"));
        if (variant.residual) f.increase(residual, k.arg("residualRow"));
      });
    }
  });
}

export function winograd(scheme: WinogradScheme, variant: ConvVariant): Kernel<WinogradField> {
  return kernel(convKey(scheme.name, variant), FIELDS, (k) => {
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
    const shared: Shared = {
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
    const weights = k.local("weights");
    const bias = k.local("bias");
    const column = f.i32(0);
    forPanels(
      f,
      {
        first: i32.mul(panelBlock, k.arg("panelsPerBlock")),
        last: k.min(i32.mul(i32.add(panelBlock, 1), k.arg("panelsPerBlock")), k.arg("panels")),
        half: i32.and(k.arg("half"), i32.eq(panelBlock, i32.sub(k.arg("panelBlocks"), 1))),
        weights,
        panelBytes: k.local("panelBytes"),
        columns: [bias, column],
      },
      (tile) => {
        multiply(k, scheme, shared, tile, { weights, depth, unroll: variant.unroll });
        scatter(k, scheme, variant, shared, tile.accumulators[0].length, { bias, column });
      },
    );
  });
}
