/** `yolov5 enqueue`: pictures → jobs of a few hundred in a queue. */

import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { readFailure, readRegularFile } from "../../node/files/regularFile.js";
import { sha256 } from "../../node/files/sha256.js";
import { openWhole, type WholeFile } from "../../node/files/wholeFile.js";
import { checkDetectFlags, refuseCounts } from "../detect/checkFlags.js";
import { EXIT, InputError, UsageError } from "../errors.js";
import { throwIfInterrupted } from "../interrupt.js";
import type { Output } from "../output.js";
import { fingerprint } from "../shards/fingerprint.js";
import { counted, grouped } from "../table.js";
import { connect, openQueue } from "./connection.js";
import type { EnqueueFlags } from "./flags.js";
import { addJobs, missingShards } from "./jobs.js";
import { jobsOf, type QueuedRun, readQueuedRun, SOURCES, writeQueuedRun } from "./queuedRun.js";
import { sourceLines } from "./sourceLines.js";
import { watchRun } from "./watch.js";

const PROJECT = "runs/queue";

export async function runEnqueue(flags: EnqueueFlags, output: Output): Promise<number> {
  checkFlags(flags);
  refuseCounts(flags, "jobs");
  await checkDetectFlags(flags, output);
  const folder = resolve(flags.project ?? PROJECT, flags.name);
  const connection = await connect(flags, output);
  const queue = openQueue(connection, flags.queueName);
  try {
    const before = await readQueuedRun(folder);
    const run = await prepare(folder, flags, before, output);
    const missing = await missingShards(folder, run);
    await addJobs(queue, { folder, run, attempts: flags.attempts, again: before !== undefined }, missing);
    const jobs = jobsOf(run);
    const done = jobs - missing.length;
    output.line(
      `${counted(run.pictures, "picture")} in ${counted(jobs, "job")}${done > 0 ? `, ${grouped(done)} of them done` : ""}: ${folder}`,
    );
    if (flags.watch) return await watchRun(queue, { folder, run, flags }, output);
    await output.writeJson({ folder, run: run.run, pictures: run.pictures, jobs, done });
    return EXIT.done;
  } finally {
    await queue.close().catch(() => undefined);
  }
}

function checkFlags({ source, track, ndjson, output, watch, shard, resume }: EnqueueFlags): void {
  if (source === undefined) throw new UsageError("--source is missing; give a list, a folder, a glob or a URL");
  if (track !== undefined)
    throw new UsageError("--track needs all pictures in order, which jobs split up; leave it out");
  if (ndjson !== undefined)
    throw new UsageError("--ndjson is not available for jobs, whose results are merged; use --output");
  if (shard !== undefined || resume) throw new UsageError("jobs are shards already; leave --shard and --resume out");
  if (output !== undefined && !watch) throw new UsageError("--output is for --watch, which merges at the end");
}

/** Writes the list of pictures and what all jobs share. @throws InputError if the folder is another run's. */
async function prepare(
  folder: string,
  flags: EnqueueFlags,
  before: QueuedRun | undefined,
  output: Output,
): Promise<QueuedRun> {
  const { signal } = output.io;
  const list = await openWhole(join(folder, SOURCES));
  try {
    const { offsets, pictures, digest } = await writeSources(list, flags, signal);
    if (pictures === 0) throw new InputError("--source: lists no pictures");
    const weights = await Promise.all((flags.weights ?? []).map(weightsDigest));
    const own = jobFlags(flags);
    const identities = weights.map((hash, i) => hash ?? flags.weights?.[i] ?? "");
    const run = fingerprint("detect", own, identities, [digest, `${flags.jobSize}`]);
    if (before && before.run !== run) {
      throw new InputError(
        `${folder}: holds another run: other options, weights or pictures; give another --name or --project`,
      );
    }
    await list.finish();
    const queued: QueuedRun = { version: 1, run, flags: own, weights, pictures, offsets };
    await writeQueuedRun(folder, queued);
    return queued;
  } catch (error) {
    throwIfInterrupted(signal);
    throw error;
  } finally {
    await list.abandon();
  }
}

async function writeSources(list: WholeFile, { source = [], jobSize }: EnqueueFlags, signal: AbortSignal) {
  const hash = createHash("sha256");
  const offsets = [0];
  let [pictures, at] = [0, 0];
  for await (const line of sourceLines(source, signal)) {
    throwIfInterrupted(signal);
    const text = `${line}\n`;
    hash.update(text);
    at += Buffer.byteLength(text);
    pictures++;
    if (pictures % jobSize === 0) offsets.push(at);
    await list.write(text);
  }
  if (offsets[offsets.length - 1] < at) offsets.push(at);
  return { offsets, pictures, digest: hash.digest("hex") };
}

/** The options that workers need, with paths that do not depend on the current folder. */
function jobFlags(flags: EnqueueFlags): QueuedRun["flags"] {
  const { backend: _, device: _device, threads: _threads, workers: _workers, source: _source, ...shared } = flags;
  const { json: _json, quiet: _quiet, queue: _queue, queueName: _name, ...own } = shared;
  const { jobSize: _size, attempts: _attempts, watch: _watch, output: _output, ...detect } = own;
  return {
    ...detect,
    ...(flags.weights === undefined ? {} : { weights: flags.weights.map(existing) }),
    ...(flags.data === undefined ? {} : { data: existing(flags.data) }),
    ...(flags.cfg === undefined ? {} : { cfg: existing(flags.cfg) }),
    ...(flags.font === undefined ? {} : { font: existing(flags.font) }),
  };
}

/** The whole path of a file; names of models stay. */
function existing(name: string): string {
  return /[/\\.]/.test(name) && !/^[a-z]+:/i.test(name) ? resolve(name) : name;
}

/** @throws InputError for a path without a file: no worker would find it. */
async function weightsDigest(name: string): Promise<string | null> {
  const path = existing(name);
  if (path === name && !(await stat(path).catch(() => undefined))?.isFile()) return null;
  const bytes = await readRegularFile(path).catch((error: unknown) => {
    const why = readFailure(error, path);
    throw new InputError(`--weights ${name}: ${why}; give a file that all workers can read, a name or a URL`, {
      cause: error,
    });
  });
  return sha256(bytes);
}
