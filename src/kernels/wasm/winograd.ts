/**
 * 3×3 convolution of stride 1 as Winograd F(4×4, 3×3) (Lavin & Gray 2016): 36 products a 4×4 output tile and channel
 * pair instead of 144. Interpolation points 0, ±√½, ±√2, ∞: their error is a quarter of the usual 0, ±1, ±2, ∞, about that
 * of the direct sum over 64 channels (docs/wasm.md).
 *
 * A tile of work is a block of output tiles, all in the thread's scratch memory:
 *   V[ξ][tile][c] = Bᵀ d B of the input,  M = V[ξ] · U[ξ] for eight outputs at a time,  Aᵀ M A + bias, activation, store.
 * U is packed [panel][ξ][c][8] by the host (`winogradWeights`).
 */

import { activate } from "./activations.js";
import { type ConvVariant, convKey, forPanels } from "./convPoint.js";
import { type FunctionBuilder, type I32Local, i32, type Vec, type VecLocal, vec } from "./emit/index.js";
import { accumulate, TILE_ROWS } from "./gemmTile.js";
import { type Kernel, kernel, SINK_BYTES } from "./kernel.js";
import { panelsOf } from "./pack.js";

/** Output pixels of a tile along each axis. */
export const WINOGRAD_TILE = 4;
const INPUT_TILE = 6;
const POINTS = INPUT_TILE * INPUT_TILE;
/** A 6×6 patch of vectors between the two passes of a transform. */
const PATCH_BYTES = POINTS * 16;

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

/** Scratch bytes for blocks of `tiles` output tiles (a multiple of 4) over `depth` channels. */
export function winogradScratch(tiles: number, depth: number): number {
  const patch = PATCH_BYTES + POINTS * depth * 4;
  return SINK_BYTES + patch + POINTS * tiles * (depth + 8) * 4;
}

/** Interpolation points ±A and ±B beside 0 and ∞. */
const A = Math.SQRT1_2;
const B = Math.SQRT2;

/** Bᵀ applied to six vectors; A² = ½, B² = 2. */
function transformInput(f: FunctionBuilder, d: readonly VecLocal[]): Vec[] {
  const a = (scale: number): Vec => vec.splat(scale * A);
  const b = (scale: number): Vec => vec.splat(scale * B);
  const evenA = f.vec(vec.madd(vec.splat(-2), d[2], d[4]));
  const oddA = f.vec(vec.madd(vec.splat(-2), d[1], d[3]));
  const evenB = f.vec(vec.madd(vec.splat(-0.5), d[2], d[4]));
  const oddB = f.vec(vec.madd(vec.splat(-0.5), d[1], d[3]));
  return [
    vec.madd(vec.splat(-2.5), d[2], f.vec(vec.add(d[0], d[4]))),
    vec.madd(a(1), oddA, evenA),
    vec.madd(a(-1), oddA, evenA),
    vec.madd(b(1), oddB, evenB),
    vec.madd(b(-1), oddB, evenB),
    vec.madd(vec.splat(-2.5), d[3], f.vec(vec.add(d[1], d[5]))),
  ];
}

/** Aᵀ applied to six vectors. */
function transformOutput(f: FunctionBuilder, m: readonly VecLocal[]): Vec[] {
  const sumA = f.vec(vec.add(m[1], m[2]));
  const differenceA = f.vec(vec.sub(m[1], m[2]));
  const sumB = f.vec(vec.add(m[3], m[4]));
  const differenceB = f.vec(vec.sub(m[3], m[4]));
  return [
    vec.add(vec.add(sumA, sumB), m[0]),
    vec.madd(vec.splat(B), differenceB, f.vec(vec.mul(vec.splat(A), differenceA))),
    vec.madd(vec.splat(2), sumB, f.vec(vec.mul(vec.splat(0.5), sumA))),
    vec.madd(vec.splat(B ** 3), differenceB, f.vec(vec.madd(vec.splat(A ** 3), differenceA, m[5]))),
  ];
}

/** Six loads from `address` on, `step` bytes apart. */
function loadSix(f: FunctionBuilder, address: I32Local, step: number): VecLocal[] {
  return Array.from({ length: INPUT_TILE }, (_, i) => f.vec(vec.load(address, i * step)));
}

export function winograd(variant: ConvVariant): Kernel<WinogradField> {
  return kernel(convKey("conv2d_winograd4x4", variant), FIELDS, (k) => {
    const { f } = k;
    const blockTiles = k.local("blockTiles");
    const depthBytes = f.i32(i32.shl(k.arg("depth"), 2));
    const first = f.i32(i32.mul(k.tile, blockTiles));
    const count = k.min(i32.sub(k.arg("tiles"), first), blockTiles);
    const temporary = f.i32(i32.add(k.scratch, SINK_BYTES));
    const patch = f.i32(i32.add(temporary, PATCH_BYTES));
    const v = f.i32(i32.add(patch, i32.mul(depthBytes, POINTS)));
    const planeBytes = f.i32(i32.mul(blockTiles, depthBytes));
    const m = f.i32(i32.add(v, i32.mul(planeBytes, POINTS)));
    const t = f.i32();
    const image = f.i32();
    const tileY = f.i32();
    const tileX = f.i32();
    const locate = (): void => {
      const tile = f.i32(i32.add(first, t));
      f.set(image, i32.divU(tile, k.arg("tilesPerImage")));
      const rest = f.i32(i32.sub(tile, i32.mul(image, k.arg("tilesPerImage"))));
      f.set(tileY, i32.divU(rest, k.arg("tilesX")));
      f.set(tileX, i32.sub(rest, i32.mul(tileY, k.arg("tilesX"))));
    };

    // 1. Input tiles to V.
    {
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
      const rows = Array.from({ length: INPUT_TILE }, () => f.i32());
      const at = f.i32();
      const i = f.i32();
      f.for(t, 0, count, 1, () => {
        locate();
        f.set(y, i32.sub(i32.shl(tileY, 2), k.arg("padY")));
        f.set(x, i32.sub(i32.shl(tileX, 2), k.arg("padX")));
        f.set(rowStep, k.arg("xRow"));
        f.set(pixelStep, k.arg("xPixel"));
        f.set(
          source,
          i32.add(
            i32.add(k.arg("x"), i32.mul(image, k.arg("xImage"))),
            i32.add(i32.mul(y, rowStep), i32.mul(x, pixelStep)),
          ),
        );
        const inside = i32.and(
          i32.and(i32.geS(y, 0), i32.leS(i32.add(y, INPUT_TILE), inHeight)),
          i32.and(i32.geS(x, 0), i32.leS(i32.add(x, INPUT_TILE), inWidth)),
        );
        f.if(i32.eqz(inside), () => {
          // A tile over the edge: its pixels are copied beside each other, zeros where there are none.
          f.zeroMemory(patch, i32.mul(depthBytes, POINTS));
          f.set(target, patch);
          f.for(row, y, i32.add(y, INPUT_TILE), 1, () => {
            f.for(column, x, i32.add(x, INPUT_TILE), 1, () => {
              f.if(i32.and(i32.ltU(row, inHeight), i32.ltU(column, inWidth)), () => {
                const from = i32.add(
                  source,
                  i32.add(i32.mul(i32.sub(row, y), rowStep), i32.mul(i32.sub(column, x), pixelStep)),
                );
                f.copyMemory(target, from, depthBytes);
              });
              f.increase(target, depthBytes);
            });
          });
          f.set(source, patch);
          f.set(pixelStep, depthBytes);
          f.set(rowStep, i32.mul(depthBytes, INPUT_TILE));
        });
        f.set(target, i32.add(v, i32.mul(t, depthBytes)));
        f.for(channel, 0, depthBytes, 16, () => {
          f.set(rows[0], i32.add(source, channel));
          for (let r = 1; r < INPUT_TILE; r++) f.set(rows[r], i32.add(rows[r - 1], rowStep));
          f.set(at, temporary);
          f.for(i, 0, INPUT_TILE, 1, () => {
            const d = rows.map((r) => f.vec(vec.load(r)));
            transformInput(f, d).forEach((value, r) => {
              f.storeVec(at, value, r * INPUT_TILE * 16);
            });
            for (const r of rows) f.increase(r, pixelStep);
            f.increase(at, 16);
          });
          const plane = f.i32(i32.add(target, channel));
          f.set(at, temporary);
          f.for(i, 0, INPUT_TILE, 1, () => {
            for (const value of transformInput(f, loadSix(f, at, 16))) {
              f.storeVec(plane, value);
              f.increase(plane, planeBytes);
            }
            f.increase(at, INPUT_TILE * 16);
          });
        });
      });
    }

    // 2. and 3. for eight (or four) output channels at a time.
    const weights = k.local("weights");
    const bias = k.local("bias");
    const column = f.i32(0);
    const depth = k.local("depth");
    const point = f.i32();
    const group = f.i32();
    const row = f.i32();
    const target = f.i32();
    const out = f.i32();
    const residual = f.i32();
    const at = f.i32();
    const i = f.i32();
    const x = f.i32();
    const y = f.i32();
    forPanels(
      f,
      {
        first: i32.const(0),
        last: k.local("panels"),
        half: k.arg("half"),
        weights,
        panelBytes: k.local("panelBytes"),
        columns: [bias, column],
      },
      (tile) => {
        const vectors = tile.accumulators[0].length;
        const tileBytes = vectors * POINTS * 16;
        const panel = f.i32(weights);
        f.for(point, 0, POINTS, 1, () => {
          f.set(row, i32.add(v, i32.mul(point, planeBytes)));
          f.set(target, i32.add(m, i32.shl(point, 4)));
          f.for(group, 0, count, TILE_ROWS, () => {
            tile.rows.forEach((r, index) => {
              f.set(r, index === 0 ? row : i32.add(tile.rows[index - 1], depthBytes));
            });
            f.set(tile.weights, panel);
            for (const sums of tile.accumulators) for (const sum of sums) f.setVec(sum, vec.splat(0));
            accumulate(f, tile, depth, variant.unroll);
            tile.accumulators.forEach((sums, r) => {
              sums.forEach((sum, vector) => {
                f.storeVec(target, sum, r * tileBytes + vector * POINTS * 16);
              });
            });
            f.increase(row, i32.mul(depthBytes, TILE_ROWS));
            f.increase(target, tileBytes * TILE_ROWS);
          });
          f.increase(panel, i32.mul(depthBytes, vectors * 4));
        });

        f.for(t, 0, count, 1, () => {
          locate();
          f.set(y, i32.shl(tileY, 2));
          f.set(x, i32.shl(tileX, 2));
          const place = (base: "out" | "residual"): ReturnType<typeof i32.add> => {
            const pixel = i32.add(i32.mul(y, k.arg(`${base}Row`)), i32.mul(x, k.arg(`${base}Pixel`)));
            return i32.add(i32.add(i32.add(k.arg(base), i32.mul(image, k.arg(`${base}Image`))), pixel), column);
          };
          for (let vector = 0; vector < vectors; vector++) {
            f.set(out, i32.add(place("out"), vector * 16));
            if (variant.residual) f.set(residual, i32.add(place("residual"), vector * 16));
            const channelBias = f.vec(vec.load(bias, vector * 16));
            f.set(row, i32.add(m, i32.add(i32.mul(t, tileBytes), vector * POINTS * 16)));
            f.set(at, temporary);
            f.for(i, 0, INPUT_TILE, 1, () => {
              transformOutput(f, loadSix(f, row, INPUT_TILE * 16)).forEach((value, r) => {
                f.storeVec(at, value, r * INPUT_TILE * 16);
              });
              f.increase(row, 16);
              f.increase(at, 16);
            });
            const rowsLeft = k.min(i32.sub(k.arg("outHeight"), y), i32.const(WINOGRAD_TILE));
            const columnsLeft = f.i32(i32.sub(k.arg("outWidth"), x));
            f.set(at, temporary);
            f.for(i, 0, rowsLeft, 1, () => {
              const values = transformOutput(f, loadSix(f, at, 16));
              const target_ = f.i32(out);
              const source = f.i32(residual);
              values.forEach((value, index) => {
                const write = (): void => {
                  let result = activate(f, variant.activation, vec.add(value, channelBias));
                  if (variant.residual) result = vec.add(f.vec(result), vec.load(source));
                  f.storeVec(target_, result);
                };
                if (index === 0) write();
                else f.if(i32.gtS(columnsLeft, index), write);
                if (index === WINOGRAD_TILE - 1) return;
                f.increase(target_, k.arg("outPixel"));
                if (variant.residual) f.increase(source, k.arg("residualPixel"));
              });
              f.increase(at, INPUT_TILE * 16);
              f.increase(out, k.arg("outRow"));
              if (variant.residual) f.increase(residual, k.arg("residualRow"));
            });
          }
        });
      },
    );
  });
}

/** G of F(4×4, 3×3): (1, p, p²) ÷ Π (p − q) over the other finite points q. */
const G: readonly (readonly [number, number, number])[] = [
  [1, 0, 0],
  [-2 / 3, (-2 / 3) * A, -1 / 3],
  [-2 / 3, (2 / 3) * A, -1 / 3],
  [1 / 6, B / 6, 1 / 3],
  [1 / 6, -B / 6, 1 / 3],
  [0, 0, 1],
];

/** Floats of the packed weights. */
export function winogradFloats(outputs: number, depth: number): number {
  return Math.ceil(outputs / 4) * 4 * depth * POINTS;
}

/**
 * Writes U = G g Gᵀ, computed in float64, as [panel][ξ][c][8]. `channel(c)` gives the input channel at a float of the
 * pixel, −1 for none; `weights` are OIHW with `channels` input channels.
 */
export function winogradWeights(
  target: Float32Array,
  weights: Float32Array,
  outputs: number,
  channels: number,
  depth: number,
  channel: (c: number) => number,
): void {
  const { full, half } = panelsOf(outputs);
  const half_ = new Float64Array(INPUT_TILE * 3);
  target.fill(0);
  for (let o = 0; o < outputs; o++) {
    const panel = o >> 3;
    const columns = panel < full ? 8 : 4;
    const base = panel * 8 * depth * POINTS + (o - panel * 8);
    if (panel >= full && !half) throw new Error("internal error: winograd panel out of range");
    for (let c = 0; c < depth; c++) {
      const input = channel(c);
      if (input < 0) continue;
      const g = (o * channels + input) * 9;
      for (let r = 0; r < INPUT_TILE; r++) {
        for (let s = 0; s < 3; s++) {
          half_[r * 3 + s] = G[r][0] * weights[g + s] + G[r][1] * weights[g + 3 + s] + G[r][2] * weights[g + 6 + s];
        }
      }
      for (let r = 0; r < INPUT_TILE; r++) {
        for (let s = 0; s < INPUT_TILE; s++) {
          const value = half_[r * 3] * G[s][0] + half_[r * 3 + 1] * G[s][1] + half_[r * 3 + 2] * G[s][2];
          target[base + ((r * INPUT_TILE + s) * depth + c) * columns] = value;
        }
      }
    }
  }
}
