/** The passes that every fast backend runs before it compiles; parity with the graph as built proves them. */

import { atOnce, type Pieces } from "../../breathe.js";
import type { Graph } from "../graph/graph.js";
import { type FoldCache, foldBatchNormPieces } from "./foldBatchNorm.js";
import { fuseActivation } from "./fuseActivation.js";
import { fuseResidual } from "./fuseResidual.js";

export { type FoldCache, foldBatchNorm } from "./foldBatchNorm.js";
export { fuseActivation } from "./fuseActivation.js";
export { fuseResidual } from "./fuseResidual.js";
export { type MergeCache, mergeSiblings, overwrites } from "./mergeSiblings.js";

/** BatchNorm folded, activations and residual sums in the convolutions' epilogues. */
export function optimize(graph: Graph, cache?: FoldCache): Graph {
  return atOnce(optimizePieces(graph, cache));
}

/** The same in pieces: large models have hundreds of megabytes of weights to fold. */
export function* optimizePieces(graph: Graph, cache?: FoldCache): Pieces<Graph> {
  return fuseResidual(fuseActivation(yield* foldBatchNormPieces(graph, cache)));
}
