/**
 * Chooses the channels to remove: an amount over the whole network or per group, keeping multiples of a few channels.
 */

import { OptionError } from "../../errors.js";
import type { Unit } from "./channels.js";
import type { ChannelGroup } from "./groups.js";

export interface SelectOptions {
  /** Fraction of the prunable channels to remove, 0 to 1. */
  readonly amount: number;
  /** `global`: the least important of the whole network; `layer`: the same fraction of every group. */
  readonly scope: "global" | "layer";
  /** Keep a multiple of this many channels, since kernels process 4 or 8 at once. Default 8. */
  readonly round?: number | undefined;
  /** Minimum fraction of a group to keep, so that no layer is cut off. Default 0.25. */
  readonly atLeast?: number | undefined;
}

/** The number of channels to keep in each group. */
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
  // Equal scores are removed in graph order.
  const order = all.map((entry, index) => ({ ...entry, index })).sort((a, b) => a.score - b.score || a.index - b.index);
  // Minimum sizes and rounding keep some back, so the threshold rises until enough are removed or nothing more can
  // be.
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

/** Rounds to the nearest multiple of `round` (half up) that neither exceeds the group nor falls below its minimum. */
export function roundKept(kept: number, size: number, options: Pick<SelectOptions, "round" | "atLeast">): number {
  const { round = 8, atLeast = 0.25 } = options;
  if (!(Number.isInteger(round) && round >= 1)) {
    throw new OptionError(`prune: round must be a whole number of at least 1, got ${round}`);
  }
  const floor = Math.min(size, Math.max(round, Math.ceil((size * atLeast) / round) * round));
  // A group whose own size is not a multiple may stay unchanged.
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
