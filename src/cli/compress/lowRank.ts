/** `--low-rank`: convolutions replaced by two with fewer channels between them. */

import { moduleFlops } from "../../compress/index.js";
import { type FactoredLayer, LowRankFactorizer } from "../../compress/lowRank/lowRankFactorizer.js";
import { openTrainer } from "../../node/trainers.js";
import type { Backend } from "../../runtime/backend.js";
import type { Float32Tensor } from "../../tensor/index.js";
import type { ModuleNode } from "../../weights/types.js";
import { UsageError } from "../errors.js";
import { counted } from "../table.js";
import type { CompressFlags } from "./flags.js";
import type { Stages } from "./stages.js";

export interface LowRankContext {
  readonly flags: Pick<CompressFlags, "round" | "threads">;
  readonly backend: Backend;
  readonly signal: AbortSignal;
  readonly bars: Stages;
}

export interface LowRankStep {
  readonly module: ModuleNode;
  /** Before refitting. */
  readonly cut: ModuleNode;
  readonly layers: readonly FactoredLayer[];
  /** What is left of the original's operations. */
  readonly operations: number;
  readonly note: string;
}

/** Of recovery behind it: pairs are near their original, and a higher rate takes them away from it first. */
export const LOW_RANK_LEARNING_RATE = 5e-4;
/** Operations are counted at this size; their ratio is the same at any size. */
const FLOPS_SIZE = [256, 256] as const;

/**
 * @param original before any pruning
 * @param share of its operations that may be left
 * @throws UsageError if no operations are left to save; otherwise as `LowRankFactorizer`.
 */
export async function lowRankStep(
  original: ModuleNode,
  module: ModuleNode,
  share: number,
  inputs: readonly Float32Tensor[],
  { flags, backend, signal, bars }: LowRankContext,
): Promise<LowRankStep> {
  const { round, threads } = flags;
  const before = moduleFlops(module, FLOPS_SIZE) / moduleFlops(original, FLOPS_SIZE);
  if (share >= before) {
    throw new UsageError(
      `--low-rank ${share}: ${(100 * before).toFixed(1)} % of the operations are left already; give a smaller fraction`,
    );
  }
  const factorizer = await LowRankFactorizer.prepare(module, inputs, backend, {
    openTrainer: (graph, options) => openTrainer(backend.name, graph, { ...options, threads }),
    round,
    signal,
    onProgress: bars.update,
  });
  const { layers, flopsRatio, ...made } = await factorizer.factor(factorizer.ranksForFlops(share / before));
  const operations = flopsRatio * before;
  const note = `Factored: ${counted(layers.length, "convolution")} replaced by two, ${(100 * operations).toFixed(1)} % of the operations left (ranks are multiples of ${round})`;
  return { ...made, layers, operations, note };
}
