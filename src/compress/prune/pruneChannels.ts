/** Structured pruning: whole channels removed, so that the network is smaller and faster on every backend. */

import { atOnce, type Pieces } from "../../breathe.js";
import { UnsupportedError } from "../../errors.js";
import type { ModuleNode } from "../../weights/types.js";
import { buildGraph } from "../../yolov5/graph/buildGraph.js";
import { type ChannelMap, traceChannels, type Unit } from "./channels.js";
import { type Criterion, type Grouping, groupChannels, scoreUnits } from "./groups.js";
import { tensorOfPath, withoutDescription, withoutUnusedBranches } from "./moduleTensors.js";
import { removeChannels } from "./removeChannels.js";
import { keptCounts, removedUnits, type SelectOptions } from "./select.js";

/** Options of `pruneChannels`. */
export interface PruneOptions extends SelectOptions {
  /** Default `l2`. */
  readonly criterion?: Criterion | undefined;
}

/** A network prepared for pruning: its groups of channels, each channel with its score. */
export interface PruningPlan {
  /** Without branches that are not run. */
  readonly module: ModuleNode;
  readonly map: ChannelMap;
  readonly grouping: Grouping;
  readonly scores: ReadonlyMap<Unit, number>;
}

/** The outcome for one group. */
export interface PrunedGroup {
  readonly layers: readonly string[];
  readonly before: number;
  readonly after: number;
}

/** A network with fewer channels, and what was removed. */
export interface PruneResult {
  readonly module: ModuleNode;
  readonly groups: readonly PrunedGroup[];
  /** Fraction of the prunable channels that were removed. */
  readonly removed: number;
  /** Layers that keep all their outputs, with the reason. */
  readonly kept: Grouping["kept"];
}

/** The wiring does not depend on the input size. */
const TRACED = [1, 3, 128, 128] as const;

/**
 * @throws UnsupportedError if no channel can be removed; OptionError for criterion `bn` on a fused checkpoint;
 * GraphError and others for trees that are not YOLOv5.
 */
export function planPruning(module: ModuleNode, criterion: Criterion = "l2"): PruningPlan {
  return atOnce(planPruningPieces(module, criterion));
}

/** The same in pieces, one convolution each. */
export function* planPruningPieces(given: ModuleNode, criterion: Criterion): Pieces<PruningPlan> {
  // A head with two sets of branches runs one; the other would no longer fit.
  const module = withoutUnusedBranches(given);
  const { graph } = buildGraph(module, TRACED);
  const map = traceChannels(graph, ({ name }, { data }) => {
    return tensorOfPath(module, `${name}.weight`)?.data.length === data.length;
  });
  const grouping = groupChannels(map);
  if (grouping.groups.length === 0) {
    const [first] = grouping.kept;
    throw new UnsupportedError(
      `prune: this network has no channel that can be removed${first ? ` (${first.layer}: ${first.why})` : ""}`,
    );
  }
  return { module, map, grouping, scores: yield* scoreUnits(map, grouping, criterion) };
}

/** Prunes down to the given number of channels in each group of the plan. */
export function pruneTo(plan: PruningPlan, counts: readonly number[]): PruneResult {
  return atOnce(pruneToPieces(plan, counts));
}

/** The same in pieces, one convolution each. */
export function* pruneToPieces(plan: PruningPlan, counts: readonly number[]): Pieces<PruneResult> {
  const { module, map, grouping, scores } = plan;
  const { groups, kept } = grouping;
  const removed = removedUnits(groups, scores, counts);
  const total = groups.reduce((sum, { units }) => sum + units.length, 0);
  return {
    module: withoutDescription(yield* removeChannels(module, map, removed)),
    groups: groups.map(({ layers, units }, i) => ({ layers, before: units.length, after: counts[i] })),
    removed: removed.size / total,
    kept,
  };
}

/**
 * Removes the least important channels; accuracy needs `reestimate` afterwards, or training elsewhere.
 * @param module of a checkpoint; not modified.
 * @throws like `planPruning`; OptionError for an amount outside [0, 1).
 */
export function pruneChannels(module: ModuleNode, options: PruneOptions): PruneResult {
  const plan = planPruning(module, options.criterion);
  return pruneTo(plan, keptCounts(plan.grouping.groups, plan.scores, options));
}
