/** `enqueue --watch`: shows the progress of a run, adds jobs that Redis lost, and merges at the end. */

import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { writeAtomically } from "../../node/files/writeFile.js";
import { oneLine } from "../../printable.js";
import { EXIT, InputError } from "../errors.js";
import { throwIfInterrupted } from "../interrupt.js";
import { findInputs } from "../merge/inputs.js";
import { mergeFolder } from "../merge/run.js";
import type { Output } from "../output.js";
import { openBar } from "../progress.js";
import { shardText } from "../shards/shardNames.js";
import { counted } from "../table.js";
import type { JobQueue } from "./connection.js";
import type { EnqueueFlags } from "./flags.js";
import { addJobs, missingShards } from "./jobs.js";
import { jobId, jobsOf, type QueuedRun } from "./queuedRun.js";

/** Interval between looks at the folder, not counting the time that a look takes. */
const LEAST_WAIT_MS = 500;
const WAIT_FACTOR = 20;
/** How often Redis is asked for jobs, and for how many at a time. */
const CHECK_MS = 15_000;
const MOST_CHECKED = 1000;
const DEAD_LETTERS = "dead-letter.txt";

interface Watched {
  readonly folder: string;
  readonly run: QueuedRun;
  readonly flags: EnqueueFlags;
}

export async function watchRun(queue: JobQueue, watched: Watched, output: Output): Promise<number> {
  const { folder, run, flags } = watched;
  const target = flags.output ?? join(folder, "merged");
  await waitForAll(queue, watched, output);
  const { files } = await findInputs([folder]);
  // A folder inside that of the run belongs to the run.
  const { failed } = await mergeFolder(files, target, output, flags.output === undefined);
  if (failed.length > 0) {
    const path = join(folder, DEAD_LETTERS);
    const lines = failed.flatMap(({ source, error }) => [`# ${oneLine(error)}`, source]);
    await writeAtomically(path, `${lines.join("\n")}\n`);
    output.line(`${counted(failed.length, "picture")} could not be read: ${path}`);
  }
  await removeLeftovers(folder);
  await output.writeJson({ folder, run: run.run, pictures: run.pictures, jobs: jobsOf(run), output: target, failed });
  return failed.length > 0 ? EXIT.failed : EXIT.done;
}

async function waitForAll(queue: JobQueue, watched: Watched, output: Output): Promise<void> {
  const { folder, run } = watched;
  const { signal } = output.io;
  const jobs = jobsOf(run);
  const bar = await openBar(output, jobs, "jobs {bar} {value}/{total}, {eta_formatted} left");
  let checked = performance.now();
  try {
    for (;;) {
      throwIfInterrupted(signal);
      const started = performance.now();
      const missing = await missingShards(folder, run);
      bar.update(jobs - missing.length);
      if (missing.length === 0) return;
      if (performance.now() - checked > CHECK_MS) {
        await mendJobs(queue, watched, missing.slice(0, MOST_CHECKED));
        checked = performance.now();
      }
      const wait = Math.max(LEAST_WAIT_MS, WAIT_FACTOR * (performance.now() - started));
      await setTimeout(wait, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    bar.stop();
  }
}

/**
 * Adds those that Redis has forgotten: a crash may lose what it received in the last second.
 * @throws InputError if one is given up.
 */
async function mendJobs(queue: JobQueue, { folder, run, flags }: Watched, missing: readonly number[]): Promise<void> {
  const states = await Promise.all(missing.map((index) => queue.getJobState(jobId(run.run, index))));
  const failed = missing.filter((_, i) => states[i] === "failed");
  if (failed.length > 0) {
    const [index] = failed;
    const job = await queue.getJob(jobId(run.run, index));
    const more = failed.length > 1 ? `, and ${failed.length - 1} more` : "";
    throw new InputError(
      `job ${shardText({ index, count: jobsOf(run) })} has failed${more}: ${job?.failedReason ?? "no reason known"}; ` +
        "fix the cause and run the same command again; it does only what is missing",
    );
  }
  const lost = missing.filter((_, i) => states[i] === "unknown" || states[i] === "completed");
  if (lost.length === 0) return;
  // One that was just done is not lost.
  const still = new Set(await missingShards(folder, run));
  await addJobs(
    queue,
    { folder, run, attempts: flags.attempts, again: true },
    lost.filter((index) => still.has(index)),
  );
}

/** Files that killed workers left behind. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (/^\.shard-.*\.(part|old)$/.test(name)) await rm(join(folder, name), { recursive: true, force: true });
  }
}
