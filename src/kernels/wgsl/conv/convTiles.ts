/** Tile shapes of the convolution kernels that work through workgroup memory. */

import { pixelCount } from "../stored.js";
import { type ConvProblem, type ConvWork, depthOf } from "./convProblem.js";

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

const tilePixels = (tile: ConvTile): number => tile.groupPixels * tile.regPixels;
export const tileQuads = (tile: ConvTile): number => tile.groupQuads * tile.regQuads;

/** Workgroups along pixels and along output quads. */
export function tileGrid(problem: ConvProblem, tile: ConvTile): readonly [number, number] {
  return [Math.ceil(pixelCount(problem.output) / tilePixels(tile)), Math.ceil(problem.output.quads / tileQuads(tile))];
}

/**
 * Each invocation brings its share of pixels and weights into workgroup memory, then multiplies from there.
 * @param integersPerPixel operations on whole numbers for each pixel's load
 */
export function tileWork(problem: ConvProblem, tile: ConvTile, integersPerPixel: number): ConvWork {
  const { groupPixels, groupQuads, regPixels, regQuads, step } = tile;
  const [x, y] = tileGrid(problem, tile);
  const invocations = groupPixels * groupQuads;
  const vectors = step * (tilePixels(tile) + 4 * tileQuads(tile));
  return {
    workgroups: x * y,
    invocations,
    sharedBytes: vectors * 16,
    registers: 4 * (regPixels * regQuads + regPixels + 4) + 24,
    steps: Math.ceil(depthOf(problem) / step),
    barriers: true,
    fmas: step * regPixels * regQuads * 16,
    integers: (step * (tilePixels(tile) * integersPerPixel + 16 * tileQuads(tile))) / invocations,
    loads: vectors / invocations,
    cachedLoads: 0,
    sharedLoads: step * regPixels + vectors / invocations,
    broadcasts: step * regQuads * 4,
  };
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
