/** The jobs of a run: adding them, and those whose results are missing. */

import { readdir } from "node:fs/promises";
import { shardOfFolder } from "../shards/shardNames.js";
import type { JobQueue } from "./connection.js";
import { jobId, jobsOf, type QueuedRun } from "./queuedRun.js";

/** Jobs that go to Redis in one message. */
const CHUNK = 1000;
const BACKOFF_MS = 5000;

export interface JobsOf {
  readonly folder: string;
  readonly run: QueuedRun;
  readonly attempts: number;
  /** Whether some jobs may already exist. */
  readonly again: boolean;
}

/** @param indices of the jobs, in order. Those that wait or run stay as they are; others are done again. */
export async function addJobs(
  queue: JobQueue,
  { folder, run, attempts, again }: JobsOf,
  indices: readonly number[],
): Promise<void> {
  const count = jobsOf(run);
  for (let start = 0; start < indices.length; start += CHUNK) {
    const chunk = indices.slice(start, start + CHUNK);
    // A job that ended without results would block the reuse of its name.
    if (again) await Promise.all(chunk.map((index) => removeEnded(queue, jobId(run.run, index))));
    await queue.addBulk(
      chunk.map((index) => ({
        name: "detect",
        data: { folder, run: run.run, index, count },
        opts: {
          jobId: jobId(run.run, index),
          attempts,
          backoff: { type: "exponential", delay: BACKOFF_MS },
          removeOnComplete: true,
        },
      })),
    );
  }
}

async function removeEnded(queue: JobQueue, id: string): Promise<void> {
  const job = await queue.getJob(id);
  const state = await job?.getState();
  // It may be removed or taken in the meantime.
  if (state === "completed" || state === "failed") await job?.remove().catch(() => undefined);
}

/** Shards without results of this run, in order. */
export async function missingShards(folder: string, run: QueuedRun): Promise<number[]> {
  const count = jobsOf(run);
  const there = new Set<number>();
  for (const name of await readdir(folder)) {
    const shard = shardOfFolder(name);
    if (shard?.count === count) there.add(shard.index);
  }
  return Array.from({ length: count }, (_, index) => index).filter((index) => !there.has(index));
}
