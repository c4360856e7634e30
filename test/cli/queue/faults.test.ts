/**
 * `enqueue` and `work` while workers and Redis fail (bench/queue/faults.mjs): every picture is there once, byte for byte as
 * one process has it.
 */

import { spawn } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";
import { NO_REDIS, redisInstalled } from "../../../bench/queue/redis.mjs";
import { REPOSITORY } from "../../support/reference.js";
import { built } from "../builtRuns.js";

const redis = redisInstalled();
if (!redis) console.warn(`skipped: ${NO_REDIS}`);

const PICTURES = 80;
const UNREADABLE = 3;

it.skipIf(!built || !redis)(
  "survives two killed workers, a suspended one, a restart of Redis, and three unreadable pictures",
  async () => {
    const argv = ["bench/queue/faults.mjs", "--pictures", `${PICTURES}`, "--job-size", "5"];
    const child = spawn(process.execPath, argv, { cwd: REPOSITORY, env: { ...process.env, DEBUG: "" } });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (data: Buffer) => {
      stdout += data.toString();
    });
    child.stderr.on("data", (data: Buffer) => {
      stderr += data.toString();
    });
    await new Promise((resolve) => child.on("close", resolve));
    expect(stdout, stderr).not.toBe("");
    const report = JSON.parse(stdout) as {
      happened: string[];
      deadLetters: string[];
      reasons: string[];
      labelFiles: number;
    };
    expect(report).toMatchObject({
      pictures: PICTURES + UNREADABLE,
      distinct: PICTURES + UNREADABLE,
      jobs: Math.ceil((PICTURES + UNREADABLE) / 5),
      // Unreadable pictures make the run fail, as in detect.
      enqueueExitCode: 1,
      sameResults: true,
      differentFiles: [],
      deadLettersInRedis: UNREADABLE,
      leftovers: [],
    });
    expect(report.happened.map((text) => text.replace(/shard-\d+-of-\d+|\d+/g, "N"))).toEqual([
      "killed a worker in N",
      "killed a worker in N",
      "killed Redis and started it again, with N jobs done",
      "stopped a worker in N",
      "another worker has done its job; it goes on",
    ]);
    expect(report.labelFiles).toBeGreaterThan(0);
    expect(report.deadLetters.map((path) => path.split(join("/")).at(-1))).toEqual([
      "cut.png",
      "text.png",
      "missing.png",
    ]);
    expect(report.reasons).toEqual([
      expect.stringContaining("damaged PNG"),
      expect.stringContaining("is a text file, not a picture"),
      expect.stringContaining("no such file"),
    ]);
  },
);
