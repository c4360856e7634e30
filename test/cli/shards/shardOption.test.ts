/** `--shard`, and what schedulers say. */

import { describe, expect, it } from "vitest";
import { shardFile } from "../../../src/cli/shards/shardNames.js";
import { chooseShard, shardFlag } from "../../../src/cli/shards/shardOption.js";
import { partOf } from "../../../src/eval/statistics/shard.js";

describe("--shard i/n", () => {
  it("reads an index from 0 and a number of shards", () => {
    expect(shardFlag("0/7")).toEqual({ index: 0, count: 7 });
    expect(shardFlag(" 6 / 7 ")).toEqual({ index: 6, count: 7 });
    expect(shardFlag("/7")).toEqual({ count: 7 });
  });

  it.each(["7/7", "-1/7", "1", "1/0", "a/b", "1/2/3", "", "1.5/3", "0/100001"])("refuses %j", (text) => {
    expect(() => shardFlag(text)).toThrow(/Give i\/n|Shards count from 0|There must be/);
  });
});

describe("a shard's part", () => {
  it.each([
    [0, 1],
    [1, 7],
    [6, 7],
    [100, 7],
    [9999, 1000],
  ])(
    "of %i entries in %i shards: each entry is in one shard, in order, and sizes differ by at most one",
    (length, count) => {
      const parts = Array.from({ length: count }, (_, index) => partOf(length, { index, count }));
      expect(parts[0][0]).toBe(0);
      expect(parts[count - 1][1]).toBe(length);
      for (const [i, [start]] of parts.entries()) if (i > 0) expect(start).toBe(parts[i - 1][1]);
      const sizes = parts.map(([start, end]) => end - start);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    },
  );
});

describe("the shard given by a scheduler", () => {
  const slurm = (id: number, count: number, min = 0, step = 1) => ({
    SLURM_ARRAY_TASK_ID: `${id}`,
    SLURM_ARRAY_TASK_COUNT: `${count}`,
    SLURM_ARRAY_TASK_MIN: `${min}`,
    SLURM_ARRAY_TASK_STEP: `${step}`,
  });

  it.each([
    ["--array=0-6", undefined, slurm(3, 7), 3, 7],
    ["--array=1-7", undefined, slurm(7, 7, 1), 6, 7],
    ["--array=0-12:2", undefined, slurm(4, 7, 0, 2), 2, 7],
    ["two tasks again, --array=3,5 and --shard /7", { count: 7 }, slurm(5, 2, 3), 5, 7],
    ["an indexed job", { count: 7 }, { JOB_COMPLETION_INDEX: "2" }, 2, 7],
    [
      "an indexed job that is told its completions",
      undefined,
      { JOB_COMPLETION_INDEX: "2", JOB_COMPLETIONS: "7" },
      2,
      7,
    ],
    ["an array of AWS Batch", { count: 4 }, { AWS_BATCH_JOB_ARRAY_INDEX: "0" }, 0, 4],
    ["its size", undefined, { AWS_BATCH_JOB_ARRAY_INDEX: "3", AWS_BATCH_JOB_ARRAY_SIZE: "4" }, 3, 4],
  ])("%s", (_, flag, env, index, count) => {
    expect(chooseShard(flag, env)).toMatchObject({ index, count });
  });

  it("an index on the command line wins", () => {
    expect(chooseShard({ index: 1, count: 2 }, slurm(6, 7))).toEqual({ index: 1, count: 2, variable: undefined });
  });

  it("without any, one process does everything", () => {
    expect(chooseShard(undefined, {})).toBeUndefined();
    expect(chooseShard(undefined, { SLURM_ARRAY_TASK_ID: "" })).toBeUndefined();
  });

  it.each([
    [{ count: 7 }, {}, "--shard /7: which one? none of SLURM_ARRAY_TASK_ID"],
    [
      undefined,
      { JOB_COMPLETION_INDEX: "2" },
      "JOB_COMPLETION_INDEX=2 names a shard, but the number of shards is missing",
    ],
    [{ count: 7 }, slurm(7, 7, 1), "SLURM_ARRAY_TASK_ID=7 is not one of the 7 shards; number the array from 0"],
    [undefined, slurm(7, 3, 1), "SLURM_ARRAY_TASK_ID=7 is not one of the 3 shards"],
    [undefined, slurm(3, 7, 0, 2), "SLURM_ARRAY_TASK_ID=3 is not one of the 7 shards"],
    [undefined, { SLURM_ARRAY_TASK_ID: "x" }, "SLURM_ARRAY_TASK_ID=x is not a number"],
  ])("%j and %j: says what is missing", (flag, env, message) => {
    expect(() => chooseShard(flag, env)).toThrow(message);
  });
});

it("a shared name gets the shard's label, a name that already differs stays", () => {
  const shard = { index: 3, count: 7 };
  expect(shardFile("a/out.json", shard, true)).toBe("a/out-00003-of-00007.json");
  expect(shardFile("a/out.json", shard, false)).toBe("a/out.json");
  expect(shardFile("a/{shard}.json", shard, true)).toBe("a/00003-of-00007.json");
});
