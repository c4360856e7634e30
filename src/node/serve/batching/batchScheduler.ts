/**
 * Dynamic batching: jobs wait in a bounded queue until a slot is free, and those that can share a forward pass leave it
 * together. A job whose client has gone or whose time is up leaves the queue without being computed.
 */

import { abortReason, onAbort } from "../../../yolov5/calls/abort.js";
import type { QueueLimit } from "./queueLimit.js";

export interface BatchOptions<Job, Answer> {
  /** Number of batches computed at once. */
  readonly slots: number;
  /** Most jobs of a batch. */
  readonly maxBatch: number;
  /** How long the oldest job of an incomplete batch may wait for others, in milliseconds. */
  readonly maxDelay: number;
  readonly limit: QueueLimit;
  /** Computes jobs of one key. @returns an answer or an error for each. */
  readonly run: (jobs: readonly Job[]) => Promise<readonly (Answer | Error)[]>;
}

/** An answer, and how it was computed. */
export interface Served<Answer> {
  readonly answer: Answer;
  /** Milliseconds in the queue. */
  readonly waited: number;
  /** Jobs of its batch. */
  readonly batch: number;
}

interface Task<Job, Answer> {
  readonly job: Job;
  readonly key: string;
  readonly queued: number;
  readonly resolve: (served: Served<Answer>) => void;
  readonly reject: (error: unknown) => void;
}

/** Weight of the newest batch in the estimate of how long a picture takes. */
const NEWEST = 0.2;

export class BatchScheduler<Job, Answer> {
  private readonly options: BatchOptions<Job, Answer>;
  /** In order of arrival. */
  private waiting: Task<Job, Answer>[] = [];
  private busy = 0;
  private hurried = false;
  private timer: NodeJS.Timeout | undefined;
  /** Seconds of a slot for each picture; undefined before the first. */
  private secondsEach: number | undefined;
  private readonly whenIdle: (() => void)[] = [];

  constructor(options: BatchOptions<Job, Answer>) {
    this.options = options;
  }

  /** Milliseconds that a job may wait for others. */
  get maxDelay(): number {
    return this.options.maxDelay;
  }

  /** How long the whole queue takes to empty, in seconds, as far as is known. */
  get backlog(): number {
    const { limit, slots } = this.options;
    return (limit.waiting * (this.secondsEach ?? 0)) / slots;
  }

  /**
   * @param key jobs with the same one can share a batch.
   * @throws RequestError 429 if the queue is full; what the job failed with; the signal's reason.
   */
  submit(job: Job, key: string, signal: AbortSignal): Promise<Served<Answer>> {
    const { limit } = this.options;
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(abortReason(signal));
      limit.check(this.backlog);
      const stop = onAbort(signal, (reason) => {
        const before = this.waiting.length;
        this.waiting = this.waiting.filter((other) => other !== task);
        if (this.waiting.length < before) {
          limit.leave();
          this.tellIfIdle();
        }
        reject(reason);
      });
      const task: Task<Job, Answer> = {
        job,
        key,
        queued: performance.now(),
        resolve: (served) => {
          stop();
          resolve(served);
        },
        reject: (error) => {
          stop();
          reject(error);
        },
      };
      limit.enter();
      this.waiting.push(task);
      this.pump();
    });
  }

  /** From now on, no job waits for others to fill its batch, because none will come. */
  hurry(): void {
    this.hurried = true;
    this.pump();
  }

  /** Resolves when nothing is waiting or being computed. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.whenIdle.push(resolve);
      this.tellIfIdle();
    });
  }

  private tellIfIdle(): void {
    if (this.busy > 0 || this.waiting.length > 0) return;
    for (const tell of this.whenIdle.splice(0)) tell();
  }

  private pump(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    while (this.busy < this.options.slots && this.waiting.length > 0) {
      const batch = this.nextBatch();
      if (batch.length === 0) return;
      void this.compute(batch);
    }
  }

  /** Takes a batch out of the queue; empty if the oldest jobs may still wait for others. */
  private nextBatch(): Task<Job, Answer>[] {
    const { slots, maxBatch, limit } = this.options;
    const maxDelay = this.hurried ? 0 : this.options.maxDelay;
    const groups = new Map<string, Task<Job, Answer>[]>();
    for (const task of this.waiting) {
      const group = groups.get(task.key);
      if (group) group.push(task);
      else groups.set(task.key, [task]);
    }
    const now = performance.now();
    let soonest = Number.POSITIVE_INFINITY;
    for (const group of groups.values()) {
      const left = group[0].queued + maxDelay - now;
      if (group.length < maxBatch && left > 0) {
        soonest = Math.min(soonest, left);
        continue;
      }
      // Without a delay, slots that become free share what waits.
      const share = maxDelay > 0 ? maxBatch : Math.ceil(group.length / slots);
      const batch = group.slice(0, Math.min(share, maxBatch));
      const taken = new Set(batch);
      this.waiting = this.waiting.filter((task) => !taken.has(task));
      for (const _ of batch) limit.leave();
      return batch;
    }
    this.timer = setTimeout(() => this.pump(), Math.ceil(soonest));
    return [];
  }

  private async compute(batch: readonly Task<Job, Answer>[]): Promise<void> {
    this.busy++;
    const started = performance.now();
    let answers: readonly (Answer | Error)[];
    try {
      answers = await this.options.run(batch.map(({ job }) => job));
    } catch (error) {
      answers = batch.map(() => (error instanceof Error ? error : new Error(String(error))));
    }
    const seconds = (performance.now() - started) / 1000 / batch.length;
    this.secondsEach =
      this.secondsEach === undefined ? seconds : this.secondsEach + NEWEST * (seconds - this.secondsEach);
    this.busy--;
    for (const [i, task] of batch.entries()) {
      const answer = answers[i];
      if (answer instanceof Error) task.reject(answer);
      else task.resolve({ answer, waited: started - task.queued, batch: batch.length });
    }
    this.pump();
    this.tellIfIdle();
  }
}
