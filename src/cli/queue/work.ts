/** `yolov5 work`: takes jobs from a queue, one after the other, until it is stopped. */

import { hostname } from "node:os";
import { setTimeout } from "node:timers/promises";
import type { Job } from "bullmq";
import { sha256 } from "../../node/files/sha256.js";
import { onAbort } from "../../yolov5/calls/abort.js";
import { EXIT, errorLine, exitCodeOf, InterruptedError } from "../errors.js";
import type { Output } from "../output.js";
import { shardText } from "../shards/shardNames.js";
import { counted } from "../table.js";
import { type Connection, connect, deadLetterName, type JobQueue, openQueue } from "./connection.js";
import type { WorkFlags } from "./flags.js";
import { type DeadLetter, runJob } from "./jobRun.js";
import type { JobData } from "./queuedRun.js";
import { RunModels } from "./runModel.js";

/** A job that lost its worker this often probably killed it and is given up. */
const MOST_STALLED = 10;
const PROGRESS_MS = 2000;
const DRAINED_MS = 500;

export async function runWork(flags: WorkFlags, output: Output): Promise<number> {
  const connection = await connect(flags, output);
  const run = new WorkRun(flags, connection, output);
  try {
    return await run.run();
  } finally {
    await run.close();
  }
}

class WorkRun {
  private readonly models: RunModels;
  private readonly queue: JobQueue;
  /** Its jobs hold a `DeadLetter` each, or name a job that no worker can do. */
  private readonly dead: JobQueue;
  private pictures = 0;
  private jobs = 0;
  /** Given up after their last attempt. */
  private failed = 0;

  constructor(
    private readonly flags: WorkFlags,
    private readonly connection: Connection,
    private readonly output: Output,
  ) {
    this.models = new RunModels(flags, output);
    this.queue = openQueue(connection, flags.queueName);
    this.dead = openQueue(connection, deadLetterName(flags.queueName));
  }

  async run(): Promise<number> {
    const { connection, flags, output } = this;
    const { signal } = output.io;
    const { bullmq, options, watch } = connection;
    const lockDuration = flags.lock * 1000;
    const worker = new bullmq.Worker<JobData>(flags.queueName, (job, token) => this.process(job, token), {
      connection: options,
      name: `${hostname()}-${process.pid}`,
      lockDuration,
      stalledInterval: lockDuration,
      maxStalledCount: MOST_STALLED,
    });
    watch(worker);
    worker.on("failed", (job, error) => {
      if (!job) return;
      const hopeless = error instanceof bullmq.UnrecoverableError;
      if (hopeless || job.attemptsMade >= (job.opts.attempts ?? 1)) this.failed++;
      output.warn(`job ${shardText(job.data)}: ${hopeless ? error.message : errorLine(error)}`);
    });
    output.line(`Waiting for jobs of ${flags.queueName}`);
    try {
      if (flags.drain) await this.drained();
      else await new Promise<void>((stop) => onAbort(signal, () => stop()));
    } finally {
      // A job in progress has returned to the queue by its own signal, or is the last one.
      await worker.close();
    }
    output.line(`${counted(this.jobs, "job")} with ${counted(this.pictures, "picture")} done`);
    if (this.failed > 0) output.line(`${counted(this.failed, "job")} failed and will not be tried again`);
    if (signal.aborted) return output.error(new InterruptedError());
    return this.failed > 0 ? EXIT.failed : EXIT.done;
  }

  async close(): Promise<void> {
    this.models.dispose();
    await Promise.allSettled([this.queue.close(), this.dead.close()]);
  }

  private async process(job: Job<JobData>, token: string | undefined): Promise<object> {
    const { output } = this;
    const { signal } = output.io;
    const started = performance.now();
    try {
      signal.throwIfAborted();
      let reported = 0;
      const opened = await this.models.of(job.data);
      const { pictures, dead } = await runJob(job.data, opened, output, {
        mayRetry: job.attemptsMade + 1 < (job.opts.attempts ?? 1),
        onProgress: (done, total) => {
          const now = performance.now();
          if (done < total && now - reported < PROGRESS_MS) return;
          reported = now;
          // Only for those who watch.
          job.updateProgress({ done, total }).catch(() => undefined);
        },
      });
      await this.bury(job.data, dead);
      this.jobs++;
      this.pictures += pictures;
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      const lost = dead.length === 0 ? "" : `, ${dead.length} of them unreadable`;
      output.line(`job ${shardText(job.data)}: ${counted(pictures, "picture")} in ${seconds} s${lost}`);
      return { pictures, dead: dead.length };
    } catch (error) {
      const { DelayedError, UnrecoverableError } = this.connection.bullmq;
      if (!signal.aborted) {
        // Options that do not fit the model fit on no machine.
        if (exitCodeOf(error) !== EXIT.usage) throw error;
        await this.buryJob(job.data, errorLine(error));
        throw new UnrecoverableError(errorLine(error));
      }
      // Another worker gets it at once, without counting it as a failure.
      await job.moveToDelayed(Date.now(), token);
      throw new DelayedError();
    }
  }

  /** Once for each picture, however often its job is done. */
  private async bury({ run, index }: JobData, letters: readonly DeadLetter[]): Promise<void> {
    await this.dead.addBulk(
      letters.map((letter) => {
        const hash = digestOf(`${run} ${index} ${letter.source}`);
        return { name: "unreadable", data: letter, opts: { jobId: `dead-${hash}` } };
      }),
    );
  }

  /** A job that no worker can do, in place of its pictures. */
  private async buryJob({ folder, run, index, count }: JobData, reason: string): Promise<void> {
    const data = { folder, job: shardText({ index, count }), reason };
    await this.dead.add("job", data, { jobId: `dead-${digestOf(`${run} ${index}`)}` });
  }

  /** Resolves when nothing waits, runs or is to be tried again, or on the signal. */
  private async drained(): Promise<void> {
    const { signal } = this.output.io;
    while (!signal.aborted) {
      const counts = await this.queue.getJobCounts("wait", "active", "delayed", "prioritized");
      if (Object.values(counts).every((count) => count === 0)) return;
      await setTimeout(DRAINED_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** Redis keeps names short. */
const digestOf = (text: string): string => sha256(text).slice(0, 32);
