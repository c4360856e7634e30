/**
 * A run whose jobs are in a queue: its folder contains what all jobs share (`queue.json`), the list of pictures
 * (`sources.txt`), and the folders of the shards. Jobs only point into it, so that millions of pictures take little memory
 * in Redis.
 */

import { open } from "node:fs/promises";
import { join } from "node:path";
import { readTextFile } from "../../node/files/textFile.js";
import { writeAtomically } from "../../node/files/writeFile.js";
import { InputError } from "../errors.js";
import type { DetectFlags } from "../options/flags.js";

/** Options of `detect` that the workers use. */
export type JobFlags = Omit<DetectFlags, "backend" | "device" | "threads" | "workers" | "source" | "json" | "quiet">;

export interface QueuedRun {
  readonly version: 1;
  /** The same for all shards. */
  readonly run: string;
  readonly flags: JobFlags;
  /** SHA-256 of each checkpoint that is a file. */
  readonly weights: readonly (string | null)[];
  /** Lines of `sources.txt`. */
  readonly pictures: number;
  /** Where each job's lines begin in `sources.txt`, in bytes, and the end of the last one. */
  readonly offsets: readonly number[];
}

export interface JobData {
  /** The run's folder. */
  readonly folder: string;
  readonly run: string;
  readonly index: number;
  readonly count: number;
}

const RUN = "queue.json";
export const SOURCES = "sources.txt";

export const jobsOf = ({ offsets }: QueuedRun): number => offsets.length - 1;

/** Redis refuses a second job of this name. */
export const jobId = (run: string, index: number): string => `${run}-${index}`;

export async function writeQueuedRun(folder: string, run: QueuedRun): Promise<void> {
  await writeAtomically(join(folder, RUN), `${JSON.stringify(run)}\n`);
}

/** @returns undefined if there is none. @throws InputError for a file that is something else. */
export async function readQueuedRun(folder: string): Promise<QueuedRun | undefined> {
  const path = join(folder, RUN);
  const text = await readTextFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    const run = JSON.parse(text) as QueuedRun;
    if (run.version === 1 && Array.isArray(run.offsets)) return run;
  } catch {
    // The same message as for other content.
  }
  throw new InputError(`${path}: is not what enqueue writes; give another --name`);
}

/** The sources of one job. @throws the system's error. */
export async function readSources(folder: string, { offsets }: QueuedRun, index: number): Promise<string[]> {
  const [start, end] = [offsets[index], offsets[index + 1]];
  const file = await open(join(folder, SOURCES));
  try {
    const { buffer } = await file.read(Buffer.alloc(end - start), 0, end - start, start);
    return buffer.toString("utf8").split("\n").slice(0, -1);
  } finally {
    await file.close();
  }
}
