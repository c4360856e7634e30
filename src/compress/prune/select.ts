/** Which channels go: an amount over the whole network or in each group, whole multiples of a few channels kept. */

import { OptionError } from "../../errors.js";
import type { Unit } from "./channels.js";
import type { ChannelGroup } from "./groups.js";

export interface SelectOptions {
  /** Share of the prunable channels to remove, 0 to 1. */
  readonly amount: number;
  /** `global`: the least important of the whole network; `layer`: the same share of every group. */
  readonly scope: "global" | "layer";
  /** Channels kept are multiples of this, as kernels that work on 4 or 8 at once like it. Default 8. */
  readonly round?: number | undefined;
  /** Share of a group that stays in any case, so that no layer is cut off. Default 0.25. */
  readonly atLeast?: number | undefined;
}

/** Channels that each group keeps. */
export function keptCounts(
  groups: readonly ChannelGroup[],
  scores: ReadonlyMap<Unit, number>,
  options: SelectOptions,
): number[] {
  const { amount, scope } = options;
  if (!(amount >= 0 && amount < 1)) {
    throw new OptionError(
      `prune: the amount ${amount} must be at least 0 and below 1 (0.2 removes 20 % of the channels)`,
    );
  }
  if (scope === "layer") {
    return groups.map(({ units }) => roundKept(units.length * (1 - amount), units.length, options));
  }
  const all = groups.flatMap(({ units }, group) => units.map((unit) => ({ group, score: scoreOf(scores, unit) })));
  // Equal scores go in the graph's order.
  const order = all.map((entry, index) => ({ ...entry, index })).sort((a, b) => a.score - b.score || a.index - b.index);
  // Floors and rounding keep some back: the threshold rises until the wanted number is gone, or nothing more can go.
  const wanted = Math.round(amount * all.length);
  const removed = groups.map(() => 0);
  const counts = (): number[] =>
    groups.map(({ units }, i) => roundKept(units.length - removed[i], units.length, options));
  let gone = 0;
  for (let at = 0; at < order.length && gone < wanted; at++) {
    removed[order[at].group]++;
    if (at + 1 < wanted) continue;
    gone = counts().reduce((sum, kept, i) => sum + groups[i].units.length - kept, 0);
  }
  return wanted === 0 ? groups.map(({ units }) => units.length) : counts();
}

/** To the nearest multiple of `round` (half up) that neither exceeds the group nor falls below its floor. */
export function roundKept(kept: number, size: number, options: Pick<SelectOptions, "round" | "atLeast">): number {
  const { round = 8, atLeast = 0.25 } = options;
  if (!(Number.isInteger(round) && round >= 1)) {
    throw new OptionError(`prune: channels are kept in whole multiples, got a multiple of ${round}`);
  }
  const floor = Math.min(size, Math.max(round, Math.ceil((size * atLeast) / round) * round));
  // A group whose own size is no multiple may stay as it is.
  if (kept >= size - 1e-9) return size;
  return Math.min(size, Math.max(floor, Math.round(kept / round) * round));
}

/** The least important units of each group, down to the given counts. */
export function removedUnits(
  groups: readonly ChannelGroup[],
  scores: ReadonlyMap<Unit, number>,
  counts: readonly number[],
): Set<Unit> {
  const removed = new Set<Unit>();
  groups.forEach(({ units }, i) => {
    const order = units.map((unit, index) => ({ unit, index, score: scoreOf(scores, unit) }));
    order.sort((a, b) => a.score - b.score || a.index - b.index);
    for (const { unit } of order.slice(0, units.length - counts[i])) removed.add(unit);
  });
  return removed;
}

function scoreOf(scores: ReadonlyMap<Unit, number>, unit: Unit): number {
  return scores.get(unit) ?? 0;
}
