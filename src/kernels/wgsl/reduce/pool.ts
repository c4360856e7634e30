/** Descriptors of `max_pool2d.wgsl`, `max_pool_chain.wgsl` and `global_average_pool.wgsl`. */

import type { OpAttributes } from "../../../ops/attributes.js";
import { defineKernel, foldWorkgroups, type KernelCall } from "../kernel.js";
import { pixelCount, type Stored, sizeParams, windowParams } from "../stored.js";
import averageSource from "./global_average_pool.wgsl";
import chainSource from "./max_pool_chain.wgsl";
import maxSource from "./max_pool2d.wgsl";

const maxPool = defineKernel("max_pool2d", maxSource, { x: "read", y: "write" });
const poolChain = defineKernel("max_pool_chain", chainSource, {
  x: "read",
  first: "write",
  second: "write",
  y: "write",
});
const averagePool = defineKernel("global_average_pool", averageSource, { x: "read", y: "write" });

export function maxPool2dCall(input: Stored, output: Stored, attrs: OpAttributes["maxPool2d"]): KernelCall {
  return {
    kernel: maxPool,
    overrides: {},
    params: { ...sizeParams({ input, output }), ...windowParams(attrs) },
    workgroups: foldWorkgroups(Math.ceil(pixelCount(output) / 64), output.quads),
  };
}

export function globalAveragePoolCall(input: Stored, output: Stored): KernelCall {
  return {
    kernel: averagePool,
    overrides: {},
    params: {
      perPicture: input.height * input.width,
      inPlane: input.plane,
      outPlane: output.plane,
      pictures: input.pictures,
    },
    workgroups: foldWorkgroups(input.pictures, input.quads),
  };
}

/** Elements of the square that a workgroup holds, a side. */
const MOST_SIDE = 32;
/** Smaller tiles would load mostly neighbours. */
const LEAST_TILE = 8;

const chainTile = (window: number): number => Math.min(16, MOST_SIDE - 3 * (window - 1));

/** Windows that `maxPoolChainCall` can do. */
export function chainsWindow(window: number): boolean {
  return window % 2 === 1 && window > 1 && chainTile(window) >= LEAST_TILE;
}

/** Three pools in a row, stride 1, padding half the window; all four tensors are stored alike. */
export function maxPoolChainCall(t: Stored, window: number): KernelCall {
  const tile = chainTile(window);
  const side = tile + 3 * (window - 1);
  const [tilesY, tilesX] = [Math.ceil(t.height / tile), Math.ceil(t.width / tile)];
  return {
    kernel: poolChain,
    overrides: {},
    header: { POOL: window, TILE: tile, SIDE: side, PER: Math.ceil((side * side) / 256) },
    params: { height: t.height, width: t.width, plane: t.plane, tilesY, tilesX },
    workgroups: foldWorkgroups(t.pictures * tilesY * tilesX, t.quads),
  };
}
