/** Floating-point operations of a module tree. */

import { atOnce, type Pieces } from "../breathe.js";
import { graphFlops, optimizePieces } from "../ops/index.js";
import type { ModuleNode } from "../weights/types.js";
import { buildGraph } from "../yolov5/graph/buildGraph.js";

/** For one forward pass at [1, 3, H, W], BatchNorm folded; a multiply-add counts as two. */
export function moduleFlops(module: ModuleNode, size: readonly [number, number]): number {
  return atOnce(moduleFlopsPieces(module, size));
}

export function* moduleFlopsPieces(module: ModuleNode, [h, w]: readonly [number, number]): Pieces<number> {
  return graphFlops(yield* optimizePieces(buildGraph(module, [1, 3, h, w]).graph));
}
