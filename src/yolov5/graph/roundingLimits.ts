/**
 * Tolerances for equality with PyTorch in float32, per layer: the NMSE explained by rounding up to that layer
 * (src/ops/rounding.ts), with a margin.
 */

import { amplifiedRounding, countedRounding, type Graph, type ValueId } from "../../ops/index.js";
import { accumulatesInFloat64, type BackendName } from "../../runtime/backendNames.js";
import type { HostTensor } from "../../tensor/index.js";

/**
 * Four standard deviations, squared: the allowed factor over the mean square of the roundings. Over all recorded
 * references, PyTorch and the reference together use at most an eighth of it.
 */
const MARGIN = 16;

export interface FloatLimits {
  /** The largest NMSE of a tap that rounding explains, given the measured one. */
  of(tap: string, nmse: number): Promise<number>;
  /** The same, but always measures how the network amplifies rounding. */
  measured(tap: string): Promise<number>;
}

/**
 * Limits are derived from the graph. If a difference exceeds them, the network's amplification of rounding is
 * measured with two runs of the reference on `input`. A device rounds like PyTorch, so the errors of both add up. The
 * reference accumulates in float64, so its rounding is small compared with PyTorch's.
 * @param graph as built, not optimised.
 */
export function floatLimits(
  graph: Graph,
  taps: readonly string[],
  input: HostTensor,
  backend: BackendName,
): FloatLimits {
  const factor = MARGIN * (accumulatesInFloat64(backend) ? 1 : 2);
  const idOf = (tap: string): ValueId => graph.taps.get(tap) ?? -1;
  const roundings = countedRounding(graph);
  const counted = (tap: string): number => factor * (roundings.get(idOf(tap)) ?? 0);
  let runs: Promise<ReadonlyMap<ValueId, number>> | undefined;
  const measured = async (tap: string): Promise<number> => {
    runs ??= amplifiedRounding(graph, [input], [...new Set(taps.map(idOf))]);
    return Math.max(counted(tap), factor * ((await runs).get(idOf(tap)) ?? 0));
  };
  return {
    // NaN and infinity are not rounding.
    of: async (tap, nmse) => (nmse <= counted(tap) || !Number.isFinite(nmse) ? counted(tap) : measured(tap)),
    measured,
  };
}
