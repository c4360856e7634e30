/** Eliminations by gradients, whose code is fetched when it is asked for. */

import { Breather } from "../../breathe.js";
import { imported } from "../../imported.js";
import type { Backend } from "../../runtime/backend.js";
import type { Float32Tensor } from "../../tensor/index.js";
import { type Elimination, eliminations } from "../prune/elimination.js";
import type { PruningPlan } from "../prune/pruneChannels.js";
import type { ChannelCostOptions } from "./channelCosts.js";

/** Share of each group that is never removed. */
const LEAST = 0.25;

/**
 * The order in which the units of each group are removed, and what each costs the outputs.
 * @param inputs calibration pictures of one size
 * @throws UnsupportedError for networks with an op whose gradient is not computed.
 */
export async function gradientEliminations(
  plan: PruningPlan,
  inputs: readonly Float32Tensor[],
  backend: Backend,
  options: ChannelCostOptions,
): Promise<Elimination[]> {
  const { channelCosts } = await imported(import("./channelCosts.js"));
  const costs = await channelCosts(plan, inputs, backend, options);
  return eliminations(plan.grouping, costs, LEAST, new Breather(options.signal));
}
