/** One job: a shard of a run. If it is done twice, its results still appear once. */

import { isHttp } from "../../api/address.js";
import { DetectRun } from "../detect/detectRun.js";
import { expandSources } from "../detect/sources/sources.js";
import { InputError, InterruptedError } from "../errors.js";
import { Output } from "../output.js";
import { ShardRun } from "../shards/shardRun.js";
import { counted } from "../table.js";
import { type JobData, readSources } from "./queuedRun.js";
import type { OpenRun } from "./runModel.js";

/** A picture that cannot be read, and why. */
export interface DeadLetter {
  readonly source: string;
  readonly reason: string;
}

export interface JobResult {
  readonly pictures: number;
  readonly dead: readonly DeadLetter[];
}

export interface JobRunOptions {
  /** Whether the job may be retried, to give servers that did not answer another chance. */
  readonly mayRetry: boolean;
  readonly onProgress: (done: number, total: number) => void;
}

/**
 * @throws InterruptedError; InputError, OutputError for failures that a retry may fix; errors of the backend.
 */
export async function runJob(
  { folder, run, index, count }: JobData,
  { queued, flags, model, setup }: OpenRun,
  { io }: Output,
  { mayRetry, onProgress }: JobRunOptions,
): Promise<JobResult> {
  const shard = new ShardRun({
    shard: { index, count, variable: undefined },
    parent: folder,
    json: undefined,
    keeps: true,
  });
  if (await shard.done(run)) return { pictures: 0, dead: [] };
  const output = new Output(io, { quiet: true });
  output.keepsJson = true;
  const items = await expandSources(await readSources(folder, queued, index), { signal: io.signal });
  try {
    const work = new DetectRun({
      ...{ flags, output, model, items, folder: shard.saveFolder, ...setup },
      onProgress: (done) => onProgress(done, items.length),
    });
    const { results, stopped, failed } = await work.run();
    if (stopped !== undefined) throw stopped;
    const dead = deadLetters(results);
    const unanswered = dead.filter(({ source }) => isHttp(source));
    if (mayRetry && unanswered.length > 0) {
      const [{ reason }] = unanswered;
      throw new InputError(
        `${unanswered.length} of ${counted(items.length, "picture")} could not be fetched; the first: ${reason}`,
      );
    }
    if (io.signal.aborted) throw new InterruptedError();
    await shard.publish({ command: "detect", run, failed }, results, output);
    return { pictures: items.length, dead };
  } finally {
    await shard.discard();
  }
}

function deadLetters(results: object): DeadLetter[] {
  const { images } = results as { readonly images: readonly { readonly source: string; readonly error?: string }[] };
  return images.flatMap(({ source, error }) => (error === undefined ? [] : [{ source, reason: error }]));
}
