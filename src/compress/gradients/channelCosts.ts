/** What it costs to remove channels, from gradients and from what the other channels say of them, on calibration pictures. */

import type { Backend } from "../../runtime/backend.js";
import type { Float32Tensor } from "../../tensor/index.js";
import { observeReaders } from "../calibration/readers.js";
import type { Costs } from "../prune/elimination.js";
import type { PruningPlan } from "../prune/pruneChannels.js";
import { type ChannelEffects, channelEffects, type OpenTrainer } from "./channelEffects.js";

export interface ChannelCostOptions {
  readonly openTrainer: OpenTrainer;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((stage: "statistics" | "gradients", done: number, total: number) => void) | undefined;
}

/**
 * @param inputs calibration pictures of one size
 * @returns one entry for each value that convolutions read
 * @throws UnsupportedError for networks with an op whose gradient is not computed.
 */
export async function channelCosts(
  { module, map }: Pick<PruningPlan, "module" | "map">,
  inputs: readonly Float32Tensor[],
  backend: Backend,
  { openTrainer, signal, onProgress }: ChannelCostOptions,
): Promise<Costs[]> {
  const readers = await observeReaders(module, map, inputs, backend, {
    signal,
    onProgress: (done, total) => onProgress?.("statistics", done, total),
  });
  const byName = new Map(readers.map((reader) => [reader.use.node.name, reader]));
  const prunable = readers.filter(({ use }) => use.inputs.some((unit) => !map.fixed.has(unit)));
  const effects = await channelEffects(module, new Set(prunable.map(({ use }) => use.node.name)), inputs, openTrainer, {
    means: new Map(readers.map(({ use, mean }) => [use.node.name, mean])),
    signal,
    onProgress: (done, total) => onProgress?.("gradients", done, total),
  });
  return effects.flatMap((effect) => {
    const reader = byName.get(effect.readers[0]);
    return reader ? [costsOf(reader.use.inputs, reader.covariance, effect)] : [];
  });
}

/**
 * Products of gradients, scaled so that replacing one channel by its mean costs what was measured: an error of a channel at one
 * pixel goes with those at its neighbours, which products at single pixels do not know.
 */
function costsOf(
  inputs: Costs["inputs"],
  covariance: Float64Array,
  { channels: n, gradients, costs }: ChannelEffects,
): Costs {
  const factors = costs.map((cost, c) => {
    const expected = covariance[c * n + c] * gradients[c * n + c];
    return expected > 1e-30 ? Math.sqrt(cost / expected) : 0;
  });
  const gram = gradients.map((v, k) => v * factors[Math.floor(k / n)] * factors[k % n]);
  return { inputs, covariance, gram };
}
