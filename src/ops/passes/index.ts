/** The passes that every fast backend runs before it compiles; parity with the graph as built proves them. */

import type { Graph } from "../graph.js";
import { type FoldCache, foldBatchNorm } from "./foldBatchNorm.js";
import { fuseActivation } from "./fuseActivation.js";
import { fuseResidual } from "./fuseResidual.js";

export { type FoldCache, foldBatchNorm } from "./foldBatchNorm.js";
export { fuseActivation } from "./fuseActivation.js";
export { fuseResidual } from "./fuseResidual.js";
export { type MergeCache, mergeSiblings, overwrites } from "./mergeSiblings.js";

/** BatchNorm folded, activations and residual sums in the convolutions' epilogues. */
export function optimize(graph: Graph, cache?: FoldCache): Graph {
  return fuseResidual(fuseActivation(foldBatchNorm(graph, cache)));
}
