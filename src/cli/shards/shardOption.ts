/** The shard that a process does: from `--shard i/n`, or from the scheduler that started it. */

import { InvalidArgumentError } from "commander";
import type { Shard } from "../../eval/statistics/shard.js";
import { UsageError } from "../errors.js";
import type { Io } from "../io.js";

/** `--shard`: the index is left to the scheduler in `/7`. */
export interface ShardFlag {
  readonly index?: number;
  readonly count: number;
}

/** More shards than pictures make no sense, and names have five digits. */
export const MOST_SHARDS = 100_000;

export const SHARD_HELP =
  "do only the i-th of n parts of the pictures, counted from 0; /n takes i from SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX or AWS_BATCH_JOB_ARRAY_INDEX, which also count without this option (docs/scale.md)";
export const RESUME_HELP = "skip a shard that is done: the same options, weights and pictures";

/** @throws InvalidArgumentError, a usage error. */
export function shardFlag(text: string): ShardFlag {
  const found = /^\s*(\d{1,9})?\s*\/\s*(\d{1,9})\s*$/.exec(text);
  if (!found) throw new InvalidArgumentError("Give i/n, for example 0/7 to 6/7.");
  const count = Number(found[2]);
  if (count < 1 || count > MOST_SHARDS) {
    throw new InvalidArgumentError(`There must be 1 to ${MOST_SHARDS} shards.`);
  }
  if (found[1] === undefined) return { count };
  const index = Number(found[1]);
  if (index >= count) {
    const all = count === 1 ? "the only one is 0/1" : `the first is 0/${count}, the last ${count - 1}/${count}`;
    throw new InvalidArgumentError(`Shards count from 0: ${all}.`);
  }
  return { index, count };
}

/** A shard, and the variable that named it. */
export interface ChosenShard extends Shard {
  /** Undefined: the command line did. */
  readonly variable: string | undefined;
}

interface Scheduler {
  readonly index: string;
  readonly count: string;
  /** First index and step, if not 0 and 1. */
  readonly least?: string;
  readonly step?: string;
  readonly advice: string;
}

const SCHEDULERS: readonly Scheduler[] = [
  {
    index: "SLURM_ARRAY_TASK_ID",
    count: "SLURM_ARRAY_TASK_COUNT",
    least: "SLURM_ARRAY_TASK_MIN",
    step: "SLURM_ARRAY_TASK_STEP",
    advice: "number the array from 0 (--array=0-6 for 7 shards), or give --shard i/n",
  },
  {
    index: "JOB_COMPLETION_INDEX",
    count: "JOB_COMPLETIONS",
    advice: "give --shard /n with the Job's completions, or --shard i/n",
  },
  {
    index: "AWS_BATCH_JOB_ARRAY_INDEX",
    count: "AWS_BATCH_JOB_ARRAY_SIZE",
    advice: "give --shard /n with the array's size, or --shard i/n",
  },
];

/** Whether a scheduler runs this command line several times, once for each shard. */
export function inArray(env: Io["env"]): boolean {
  return SCHEDULERS.some(({ index }) => isSet(env[index]));
}

/**
 * The shard to do; undefined: everything.
 * @throws UsageError if the variables name no shard.
 */
export function chooseShard(flag: ShardFlag | undefined, env: Io["env"]): ChosenShard | undefined {
  if (flag?.index !== undefined) return { index: flag.index, count: flag.count, variable: undefined };
  const scheduler = SCHEDULERS.find(({ index }) => isSet(env[index]));
  if (scheduler) return shardOf(scheduler, flag?.count, env);
  if (!flag) return undefined;
  const names = SCHEDULERS.map(({ index }) => index).join(", ");
  throw new UsageError(`--shard /${flag.count}: which one? none of ${names} is set; give --shard i/${flag.count}`);
}

function shardOf(scheduler: Scheduler, given: number | undefined, env: Io["env"]): ChosenShard {
  const { index: variable, advice } = scheduler;
  const read = (name: string | undefined): number | undefined => {
    const text = name === undefined ? undefined : env[name];
    if (name === undefined || !isSet(text)) return undefined;
    if (!/^\d{1,9}$/.test(text)) throw new UsageError(`${name}=${text} is not a number; ${advice}`);
    return Number(text);
  };
  const task = read(variable) ?? 0;
  // With the number given, tasks may be submitted again one by one: their numbers stay those of the shards.
  const [least, step] = given === undefined ? [read(scheduler.least) ?? 0, read(scheduler.step) ?? 1] : [0, 1];
  const count = given ?? read(scheduler.count);
  if (count === undefined) {
    throw new UsageError(
      `${variable}=${task} names a shard, but the number of shards is missing; ${advice}; --shard 0/1 does all pictures`,
    );
  }
  const index = (task - least) / Math.max(step, 1);
  if (!Number.isInteger(index) || index < 0 || index >= count) {
    throw new UsageError(`${variable}=${task} is not one of the ${count} shards; ${advice}`);
  }
  return { index, count, variable };
}

function isSet(text: string | undefined): text is string {
  return text !== undefined && text.trim() !== "";
}
