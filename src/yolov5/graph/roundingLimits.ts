/**
 * What counts as equal to PyTorch in float32, layer by layer: the NMSE that the roundings on the way to a layer account for
 * (src/ops/rounding.ts), with a margin.
 */

import { amplifiedRounding, countedRounding, type Graph, type ValueId } from "../../ops/index.js";
import type { HostTensor } from "../../tensor/index.js";

/**
 * Four standard deviations, squared: how far beyond the roundings' mean square a layer may be. Over all recorded references,
 * PyTorch and the reference together take an eighth of it at most.
 */
const MARGIN = 16;

export interface FloatLimits {
  /** Largest NMSE of a tap that roundings explain, given the one that was found. */
  of(tap: string, nmse: number): Promise<number>;
  /** The same with what the network makes of roundings measured in any case. */
  measured(tap: string): Promise<number>;
}

/**
 * Limits are counted from the graph; where a difference is beyond that, what the network makes of roundings is measured, by
 * two runs of the reference on `input`. A device rounds as PyTorch does, so that the errors of both add up; the reference
 * keeps its sums in float64, and what it rounds is small beside PyTorch's.
 * @param graph as built, not optimised.
 */
export function floatLimits(graph: Graph, taps: readonly string[], input: HostTensor, backend: string): FloatLimits {
  const factor = MARGIN * (backend === "cpu" ? 1 : 2);
  const idOf = (tap: string): ValueId => graph.taps.get(tap) ?? -1;
  const roundings = countedRounding(graph);
  const counted = (tap: string): number => factor * (roundings.get(idOf(tap)) ?? 0);
  let runs: Promise<ReadonlyMap<ValueId, number>> | undefined;
  const measured = async (tap: string): Promise<number> => {
    runs ??= amplifiedRounding(graph, [input], [...new Set(taps.map(idOf))]);
    return Math.max(counted(tap), factor * ((await runs).get(idOf(tap)) ?? 0));
  };
  return {
    // NaN and infinity are no rounding.
    of: async (tap, nmse) => (nmse <= counted(tap) || !Number.isFinite(nmse) ? counted(tap) : measured(tap)),
    measured,
  };
}
