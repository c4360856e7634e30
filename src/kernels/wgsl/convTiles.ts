/** Tile shapes of the convolution kernels that work through workgroup memory, and the choice among them. */

import type { ConvProblem } from "./convProblem.js";
import { pixelCount } from "./stored.js";

/** See the opening comment of `conv2d_tiled.wgsl`. */
export interface ConvTile {
  readonly groupPixels: number;
  readonly groupQuads: number;
  readonly regPixels: number;
  readonly regQuads: number;
  /** Input quads a step. */
  readonly step: number;
}

/** From large to small; large tiles load least per product, small ones leave no multiprocessor idle. */
export const CONV_TILES: readonly ConvTile[] = [
  { groupPixels: 32, groupQuads: 8, regPixels: 4, regQuads: 2, step: 4 },
  { groupPixels: 16, groupQuads: 8, regPixels: 4, regQuads: 2, step: 4 },
  { groupPixels: 16, groupQuads: 4, regPixels: 4, regQuads: 2, step: 4 },
  { groupPixels: 16, groupQuads: 8, regPixels: 2, regQuads: 1, step: 4 },
  { groupPixels: 8, groupQuads: 4, regPixels: 2, regQuads: 1, step: 8 },
];

/** Workgroups that keep a large GPU busy: about two for each of its multiprocessors. */
const ENOUGH_WORKGROUPS = 256;

const tilePixels = (tile: ConvTile): number => tile.groupPixels * tile.regPixels;
export const tileQuads = (tile: ConvTile): number => tile.groupQuads * tile.regQuads;

/** Workgroups along pixels and along output quads. */
export function tileGrid(problem: ConvProblem, tile: ConvTile): readonly [number, number] {
  return [Math.ceil(pixelCount(problem.output) / tilePixels(tile)), Math.ceil(problem.output.quads / tileQuads(tile))];
}

/** Share of a tile's products that count. */
function efficiency(problem: ConvProblem, tile: ConvTile): number {
  const [x, y] = tileGrid(problem, tile);
  return (pixelCount(problem.output) * problem.output.quads) / (x * tilePixels(tile) * y * tileQuads(tile));
}

/** The largest tile that gives enough workgroups and wastes little, else the one that wastes least among the small. */
export function chooseTile(problem: ConvProblem): ConvTile {
  const fits = CONV_TILES.find((tile) => {
    const [x, y] = tileGrid(problem, tile);
    return x * y >= ENOUGH_WORKGROUPS && efficiency(problem, tile) > 0.75;
  });
  if (fits) return fits;
  const small = CONV_TILES.slice(2);
  return small.reduce((best, tile) => (efficiency(problem, tile) >= efficiency(problem, best) ? tile : best));
}

export function tileHeader(tile: ConvTile): Record<string, number> {
  return {
    GROUP_PIXELS: tile.groupPixels,
    GROUP_QUADS: tile.groupQuads,
    REG_PIXELS: tile.regPixels,
    REG_QUADS: tile.regQuads,
    STEP: tile.step,
  };
}

/** `64x32/4`: pixels × channels of a workgroup, input quads a step. */
export const tileName = (tile: ConvTile): string => `${tilePixels(tile)}x${tileQuads(tile) * 4}/${tile.step}`;
