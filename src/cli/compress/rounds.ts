/** `--recover-rounds`: how much each round prunes and trains, and what is left of the network after it. */

import type { PrunedNetwork } from "../../compress/index.js";
import type { CompressFlags } from "./flags.js";
import type { RecoveryFacts, TrainingFlags } from "./recover.js";

/** What a round prunes, as shares of the network as the round before left it. */
export type Goal = { readonly [K in "prune" | "targetFlops" | "maxDrop"]?: CompressFlags[K] | undefined };

/** Share of `--recover-minutes` or `--recover-steps` that int8 gets where recovery in float32 comes before it. */
export const INT8_SHARE = 0.25;

/** How many steps of both are in float32. */
export const float32Steps = (steps: number, int8 = false): number => Math.ceil(int8 ? (1 - INT8_SHARE) * steps : steps);

export class Rounds {
  readonly count: number;
  /** The one that is running, from 1 on. */
  round = 1;
  /** The last one that has pruned. */
  private reached = 0;
  /** Of the channels that can be removed, and of the operations: shares of the unpruned network. */
  private readonly left = { channels: 1, operations: 1 };
  private kept: PrunedNetwork["keptOf"] | undefined;

  constructor(private readonly flags: CompressFlags) {
    this.count = flags.recoverRounds ?? 1;
  }

  get isLast(): boolean {
    return this.round === this.count;
  }

  /** ", round 2 of 3"; empty where there is only one. */
  get name(): string {
    return this.count === 1 ? "" : `, round ${this.round} of ${this.count}`;
  }

  /** Rounds remove equally many channels, or operations. */
  goal(round = this.round): Goal {
    const { prune, targetFlops, maxDrop } = this.flags;
    const { channels, operations } = this.left;
    if (prune !== undefined) return { prune: Math.max(0, (prune * round) / this.count - (1 - channels)) / channels };
    if (targetFlops === undefined) return { maxDrop };
    const wanted = (targetFlops * round + this.count - round) / this.count;
    return { targetFlops: Math.min(1, wanted / operations) };
  }

  /** @param pruned by this round: its shares and channels are those of the network that the round before left */
  pruned({ removed, flopsRatio, keptOf }: Pick<PrunedNetwork, "removed" | "flopsRatio" | "keptOf">): void {
    this.reached = this.round;
    this.left.channels *= 1 - removed;
    this.left.operations *= flopsRatio;
    const before = this.kept;
    this.kept = before ? (value) => keptOf(value).map((channel) => before(value)[channel]) : keptOf;
  }

  /** For each channel of a value, its index in the unpruned network; undefined where nothing was pruned. */
  get keptOf(): PrunedNetwork["keptOf"] | undefined {
    return this.kept;
  }

  get removed(): number {
    return 1 - this.left.channels;
  }

  get operations(): number {
    return this.left.operations;
  }

  /** Each round's share of the training. Rounds after the first have a file of their own for their state. */
  training(): TrainingFlags {
    const { recoverMinutes, recoverSteps, recoverState, recoverLabels, recoverFeatures, threads, int8 } = this.flags;
    const all = float32Steps(recoverSteps ?? 0, int8);
    const until = (round: number): number => Math.floor((all * round) / this.count);
    return {
      minutes: recoverMinutes,
      share: (int8 ? 1 - INT8_SHARE : 1) / this.count,
      steps: recoverSteps === undefined ? undefined : until(this.round) - until(this.round - 1),
      state: recoverState !== undefined && this.round > 1 ? `${recoverState}.${this.round}` : recoverState,
      labels: recoverLabels,
      features: recoverFeatures,
      threads,
    };
  }

  /** What Ctrl-C leaves undone; undefined once the last round has pruned. */
  undone(): string | undefined {
    if (this.reached === this.count) return undefined;
    const { prune, targetFlops } = this.goal(this.count);
    const rest = prune === undefined ? `--target-flops ${targetFlops?.toFixed(3)}` : `--prune ${prune.toFixed(3)}`;
    const again =
      this.flags.recoverState === undefined ? "" : "; the same command goes on, for all of what was asked for";
    return `round ${this.reached} of ${this.count}, so ${percent(this.operations)} of the operations are left; compress ${rest} prunes the rest of it${again}`;
  }
}

/** The rounds of a training as one: steps are counted on. */
export function joinedFacts(rounds: readonly RecoveryFacts[]): RecoveryFacts | undefined {
  if (rounds.length <= 1) return rounds[0];
  let [steps, seconds] = [0, 0];
  let { kept } = rounds[0];
  const curve = rounds.flatMap((facts, i) => {
    const points = facts.curve.map((point) => ({ ...point, step: steps + point.step, round: i + 1 }));
    kept = { ...facts.kept, step: steps + facts.kept.step };
    steps += facts.steps;
    seconds += facts.seconds;
    return points;
  });
  return { ...rounds[0], steps, seconds, kept, curve };
}

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
