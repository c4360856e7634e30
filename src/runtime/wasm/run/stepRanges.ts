/** Which steps of a plan a run takes, and in which order. */

import type { SparseHead } from "../lower/sparseSteps.js";

/** Steps [first, end). */
export type StepRange = readonly [first: number, end: number];

export interface StepRanges {
  /** A run for all rows. */
  readonly all: readonly StepRange[];
  /** A run for few rows: what comes before it is known how many there are; then either of two; then the rest. */
  readonly few: Record<"before" | "whole" | "listed" | "after", readonly StepRange[]>;
}

function rangesOf(steps: readonly number[]): StepRange[] {
  const ranges: [number, number][] = [];
  for (const step of steps) {
    const last = ranges[ranges.length - 1];
    if (last?.[1] === step) last[1]++;
    else ranges.push([step, step + 1]);
  }
  return ranges;
}

/** @param count how many steps there are. */
export function stepRanges(count: number, head: SparseHead | undefined): StepRanges {
  const every = Array.from({ length: count }, (_, step) => step);
  if (!head) return { all: rangesOf(every), few: { before: [], whole: [], listed: [], after: [] } };
  const { whole, scores, listed } = head;
  const within = (step: number, [first, end]: StepRange): boolean => step >= first && step < end;
  return {
    all: rangesOf(every.filter((step) => !within(step, scores) && !within(step, listed))),
    few: {
      before: rangesOf(every.filter((step) => step < scores[1] && !whole.has(step))),
      whole: rangesOf(every.filter((step) => whole.has(step))),
      listed: [listed],
      after: rangesOf(every.filter((step) => step >= listed[1])),
    },
  };
}
