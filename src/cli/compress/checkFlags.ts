/** Which options of `compress` go together. */

import { UsageError } from "../errors.js";
import type { Output } from "../output.js";
import type { CompressFlags } from "./flags.js";
import { float32Steps } from "./rounds.js";

/** @throws UsageError for options that contradict each other, or that have no effect. */
export function checkFlags(flags: CompressFlags): void {
  const { prune, targetFlops, maxDrop, lowRank, output, unstructured, half, int8 } = flags;
  const goals = [prune, targetFlops, maxDrop].filter((goal) => goal !== undefined);
  const shrinks = goals.length > 0 || lowRank !== undefined || unstructured !== undefined;
  if (flags.recover && !shrinks && !int8) {
    throw new UsageError(
      "--recover trains a pruned or quantized network; give --prune, --target-flops, --max-drop, --low-rank, --unstructured or --int8",
    );
  }
  if (flags.block !== undefined && typeof unstructured !== "number")
    throw new UsageError("--block needs --unstructured with a fraction of the blocks, such as 0.5");
  if (flags.int8Head && !int8) throw new UsageError("--int8-head needs --int8");
  const { recoverMinutes, recoverSteps, recoverRounds, recoverFeatures, recoverRate } = flags;
  const { recoverData, recoverLabels, recoverState } = flags;
  const ofPruned = { "--recover-features": recoverFeatures, "--recover-rate": recoverRate };
  const others = [recoverMinutes, recoverSteps, recoverRounds, recoverData, recoverLabels, recoverState];
  if (!flags.recover && [...Object.values(ofPruned), ...others].some((value) => value !== undefined)) {
    throw new UsageError("--recover-minutes and the other options of recovery need --recover");
  }
  for (const [flag, value] of Object.entries(ofPruned)) {
    if (value !== undefined && !shrinks)
      throw new UsageError(
        `${flag} is for recovery of a pruned or factored network; leave it out where only int8 recovers`,
      );
  }
  if (recoverRounds !== undefined && recoverRounds > 1 && prune === undefined && targetFlops === undefined) {
    throw new UsageError("--recover-rounds reaches an amount in steps; give --prune or --target-flops");
  }
  const steps = recoverSteps === undefined ? undefined : float32Steps(recoverSteps, int8);
  if (steps !== undefined && recoverRounds !== undefined && steps < recoverRounds)
    throw new UsageError(
      `--recover-steps ${recoverSteps} cannot be shared by ${recoverRounds} rounds${int8 ? " and int8" : ""}; give at least one step for each`,
    );
  if (recoverMinutes !== undefined && recoverSteps !== undefined)
    throw new UsageError("--recover-minutes and --recover-steps cannot be combined; give one of them");
  if (goals.length > 1)
    throw new UsageError("--prune, --target-flops and --max-drop cannot be combined; give one of them");
  if (prune !== undefined && prune >= 1)
    throw new UsageError("--prune takes a fraction below 1: 0.1 removes 10 % of the channels");
  if (output !== undefined && !shrinks && !half && !int8) {
    throw new UsageError(
      "--output needs a step: --prune, --target-flops, --max-drop, --low-rank, --unstructured, --half or --int8",
    );
  }
}

/** @throws UsageError for what needs the figures of all pictures, and without a file for the shard's own. */
export function checkShard({ maxDrop, report, recover }: CompressFlags, output: Output): void {
  if (recover) {
    throw new UsageError(
      "--recover would train a network in every shard; recover first, then measure with val --shard",
    );
  }
  if (maxDrop !== undefined) {
    throw new UsageError(
      "--max-drop needs the figures of all pictures, which a shard does not have; give --prune or --target-flops",
    );
  }
  if (report !== undefined) throw new UsageError("--report shows a whole run, which a shard is not; leave it out");
  if (output.jsonFile === undefined) {
    throw new UsageError("--shard needs --json FILE here, which merge reads: for example --json out-{shard}.json");
  }
}
