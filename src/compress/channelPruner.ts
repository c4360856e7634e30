/**
 * Structured pruning end to end: scores (from the weights, or from calibration pictures), the choice of channels for
 * a given amount, fraction of operations or maximum loss, and re-estimation.
 */

import { atOnce, Breather, type Pieces } from "../breathe.js";
import { OptionError } from "../errors.js";
import type { ValueId } from "../ops/index.js";
import type { Backend } from "../runtime/backend.js";
import type { Float32Tensor } from "../tensor/index.js";
import type { ModuleNode } from "../weights/types.js";
import { buildGraph } from "../yolov5/graph/buildGraph.js";
import { reestimate } from "./calibration/onDemand.js";
import { spread } from "./calibration/pictures.js";
import { observeReaders } from "./calibration/readers.js";
import { moduleFlopsPieces } from "./flops.js";
import { eliminationScores } from "./prune/elimination.js";
import type { Criterion } from "./prune/groups.js";
import { type PruneResult, type PruningPlan, planPruningPieces, pruneToPieces } from "./prune/pruneChannels.js";
import { keptCounts, removedUnits, type SelectOptions } from "./prune/select.js";
import { unitFlops } from "./prune/unitFlops.js";
import { type LayerSensitivity, layerSensitivities } from "./sensitivity.js";

/** `data`: the effect on the outputs, measured on the calibration pictures; the others look only at the weights. */
export type PruningCriterion = Criterion | "data";
/** All pruning criteria, the default first. */
export const PRUNING_CRITERIA: readonly PruningCriterion[] = ["data", "bn", "l1", "l2"];

/** Stages of pruning, in order. */
export type PruneStage = "sensitivity" | "statistics" | "re-estimation";

/** Options of `ChannelPruner`. */
export interface ChannelPrunerOptions {
  readonly criterion: PruningCriterion;
  readonly scope: SelectOptions["scope"];
  readonly round?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The current stage and its progress. */
  readonly onProgress?: ((stage: PruneStage, done: number, total: number) => void) | undefined;
}

/** A pruned network, re-estimated. */
export interface PrunedNetwork extends PruneResult {
  /** As pruned, before re-estimation. */
  readonly cut: ModuleNode;
  /** Remaining operations, as a fraction of the original's. */
  readonly flopsRatio: number;
  /** For each channel of a pruned value of the graph, its index in the unpruned one. */
  readonly keptOf: (value: ValueId) => readonly number[];
}

/** Pictures for layer sensitivities, which run them once per layer. */
const SENSITIVITY_PICTURES = 4;
/** Minimum fraction of a layer to keep; tried in this order to reach a fraction of the operations. */
const FLOORS = [0.75, 0.65, 0.55, 0.45, 0.35, 0.25] as const;
/** Operations are counted at this size; their ratio is the same at any size. */
const FLOPS_SIZE = [256, 256] as const;

/** Prunes one network by different amounts; measures the network only once. */
export class ChannelPruner {
  /** Operations of the whole network, once counted. */
  private flops: number | undefined;

  private constructor(
    private readonly plan: PruningPlan,
    private readonly inputs: readonly Float32Tensor[],
    private readonly backend: Backend,
    private readonly options: ChannelPrunerOptions,
    /** For criterion `data`; empty for the others. */
    readonly sensitivities: readonly LayerSensitivity[],
  ) {}

  /**
   * @param inputs calibration pictures of one size, see `calibrationInputs`.
   * @throws UnsupportedError if nothing can be pruned; OptionError for `bn` on a fused checkpoint.
   */
  static async prepare(
    module: ModuleNode,
    inputs: readonly Float32Tensor[],
    backend: Backend,
    options: ChannelPrunerOptions,
  ): Promise<ChannelPruner> {
    const { criterion, signal } = options;
    const progress = (stage: PruneStage) => (done: number, total: number) => options.onProgress?.(stage, done, total);
    const breather = new Breather(signal);
    const plan = await breather.through(planPruningPieces(module, criterion === "data" ? "l2" : criterion));
    if (criterion !== "data") return new ChannelPruner(plan, inputs, backend, options, []);
    const few = spread(inputs, SENSITIVITY_PICTURES);
    const sensitivities = await layerSensitivities(plan.module, few, backend, {
      signal,
      onProgress: progress("sensitivity"),
    });
    const readers = await observeReaders(plan.module, plan.map, inputs, backend, {
      signal,
      onProgress: progress("statistics"),
    });
    const factors = new Map(sensitivities.map(({ layer, factor }) => [layer, factor]));
    const weighted = readers.map((reader) => ({ ...reader, factor: factors.get(reader.use.node.name) }));
    const scores = await eliminationScores(plan.map, plan.grouping, weighted, undefined, breather);
    return new ChannelPruner({ ...plan, scores }, inputs, backend, options, sensitivities);
  }

  /** Channels to keep in each group when removing a fraction of the prunable channels. */
  countsForAmount(amount: number): number[] {
    return this.counts(this.plan, amount);
  }

  /**
   * Channels to keep in each group so that at most `ratio` of the operations is left. Removes the channels that cost
   * least for what they save.
   * @throws OptionError for a ratio outside (0, 1], or one that the groups' minimum sizes do not allow.
   */
  countsForFlops(ratio: number): number[] {
    return atOnce(this.searchFlops(ratio));
  }

  /** The same, yielding to timers and signals; stops when the options' signal is aborted. */
  async findCountsForFlops(ratio: number): Promise<number[]> {
    return new Breather(this.options.signal).through(this.searchFlops(ratio));
  }

  /** Prunes networks to count their operations. */
  private *searchFlops(ratio: number): Pieces<number[]> {
    if (!(ratio > 0 && ratio <= 1)) {
      throw new OptionError(`prune: the fraction of operations ${ratio} must be above 0 and at most 1`);
    }
    const { graph } = buildGraph(this.plan.module, [1, 3, 128, 128]);
    const flops = unitFlops(graph, this.plan.map);
    const scores = new Map([...this.plan.scores].map(([unit, score]) => [unit, score / (flops.get(unit) ?? 1)]));
    const plan = { ...this.plan, scores };
    // A high minimum spreads the loss over the layers, which costs less than emptying some of them.
    let floor: number | undefined;
    for (const least of FLOORS) {
      if ((yield* this.ratioOf(plan, this.counts(plan, 1 - least, least))) > ratio) continue;
      floor = least;
      break;
    }
    if (floor === undefined) {
      throw new OptionError(
        `prune: ${ratio} of the operations cannot be reached while every layer keeps a quarter of its channels; allow more operations, or use a smaller model`,
        { ratio },
      );
    }
    let [low, high] = [0, 1 - floor];
    for (let step = 0; step < 10; step++) {
      const middle = (low + high) / 2;
      if ((yield* this.ratioOf(plan, this.counts(plan, middle, floor))) > ratio) low = middle;
      else high = middle;
    }
    return this.counts(plan, high, floor);
  }

  /** Prunes and re-estimates. */
  async prune(counts: readonly number[]): Promise<PrunedNetwork> {
    const { plan, inputs, backend } = this;
    const { signal, onProgress } = this.options;
    const breather = new Breather(signal);
    const result = await breather.through(pruneToPieces(plan, counts));
    const removed = removedUnits(plan.grouping.groups, plan.scores, counts);
    const keptOf = (value: ValueId): readonly number[] =>
      plan.map.unitsOf(value).flatMap((unit, i) => (removed.has(unit) ? [] : [i]));
    const module = await reestimate(plan.module, result.module, inputs, backend, {
      keptOf,
      signal,
      onProgress: (done, total) => onProgress?.("re-estimation", done, total),
    });
    const flopsRatio = await breather.through(this.ratioOf(plan, counts));
    return { ...result, cut: result.module, module, flopsRatio, keptOf };
  }

  private counts({ grouping, scores }: PruningPlan, amount: number, atLeast?: number): number[] {
    const { scope, round } = this.options;
    return keptCounts(grouping.groups, scores, { amount, scope, round, atLeast });
  }

  private *ratioOf(plan: PruningPlan, counts: readonly number[]): Pieces<number> {
    const { module } = yield* pruneToPieces(plan, counts);
    this.flops ??= yield* moduleFlopsPieces(plan.module, FLOPS_SIZE);
    return (yield* moduleFlopsPieces(module, FLOPS_SIZE)) / this.flops;
  }
}

/**
 * The largest amount whose loss is within bounds, by bisection: builds and measures `steps` networks.
 * @param lossOf the loss for an amount, in the unit of `largest`.
 * @returns 0 if even the smallest amount tried loses more.
 */
export async function largestAmount(
  largest: number,
  lossOf: (amount: number) => Promise<number>,
  { from = 0, to = 0.4, steps = 4 } = {},
): Promise<number> {
  let [good, bad] = [from, to];
  for (let step = 0; step < steps; step++) {
    const middle = (good + bad) / 2;
    if ((await lossOf(middle)) <= largest) good = middle;
    else bad = middle;
  }
  return good;
}
