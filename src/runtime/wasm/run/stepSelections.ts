/**
 * Which steps of a plan a run takes. Each selection is one stretch, in which some steps are skipped: every stretch costs the worker
 * threads a start.
 */

import type { TilePart } from "../device/machine.js";
import type { SparseHead } from "../lower/sparseSteps.js";

/** Steps [first, end) without those that are skipped: no tile of them. */
export interface StepSelection {
  readonly first: number;
  readonly end: number;
  readonly skipped: ReadonlyMap<number, TilePart>;
}

export interface StepSelections {
  /** A run for all rows. */
  readonly all: StepSelection;
  /** A run for few rows: what shows how many there are, then either of two. */
  readonly before: StepSelection;
  readonly whole: StepSelection;
  readonly listed: StepSelection;
}

function selectionOf(takes: (step: number) => boolean, tilesOf: readonly number[]): StepSelection {
  const steps = [...tilesOf.keys()];
  const taken = steps.filter(takes);
  const first = taken[0] ?? 0;
  const end = (taken[taken.length - 1] ?? -1) + 1;
  const skipped = steps.slice(first, end).filter((step) => !takes(step));
  return {
    first,
    end,
    skipped: new Map(skipped.map((step) => [step, { step, from: 0, to: 0, tiles: tilesOf[step] }])),
  };
}

/** @param tilesOf how many tiles each step has. */
export function stepSelections(tilesOf: readonly number[], head: SparseHead | undefined): StepSelections {
  const within = (step: number, [first, end]: readonly [number, number]): boolean => step >= first && step < end;
  if (!head) {
    const [all, none] = [selectionOf(() => true, tilesOf), selectionOf(() => false, tilesOf)];
    return { all, before: all, whole: none, listed: none };
  }
  const { whole, scores, listed } = head;
  const select = (takes: (step: number) => boolean): StepSelection => selectionOf(takes, tilesOf);
  return {
    all: select((step) => !within(step, scores) && !within(step, listed)),
    before: select((step) => step < scores[1] && !whole.has(step)),
    whole: select((step) => whole.has(step) || step >= listed[1]),
    listed: select((step) => step >= listed[0]),
  };
}
