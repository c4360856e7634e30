/** The way of every request, whatever its protocol: the model's queue, the deadline, the metrics. */

import { ByteBudget, type QueueLimit } from "./batching/queueLimit.js";
import type { Metrics } from "./metrics.js";
import type { ServedModel } from "./models/openModel.js";
import type { ModelRepository } from "./models/repository.js";
import type { ResolvedServeOptions } from "./options.js";
import { clientGone, RequestError } from "./requestError.js";
import type { ServeAnswer, ServeJob } from "./work/jobs.js";

/** The facts about a request's work for the log. */
export interface WorkNotes {
  model?: string;
  pictures?: number;
  batch?: number;
  /** Milliseconds in the queue. */
  queue?: number;
}

/** Limit on all bodies together, as a multiple of the limit on one, and its minimum. */
const BODIES = 8;
const LEAST_BYTES = 2 ** 28;

export class Serving {
  readonly options: ResolvedServeOptions;
  readonly repository: ModelRepository;
  readonly metrics: Metrics;
  readonly limit: QueueLimit;
  /** Bytes of the bodies that are being read or waiting. */
  readonly budget: ByteBudget;
  /** Set when the server begins to close. */
  draining = false;

  constructor(options: ResolvedServeOptions, repository: ModelRepository, metrics: Metrics, limit: QueueLimit) {
    this.options = options;
    this.repository = repository;
    this.metrics = metrics;
    this.limit = limit;
    this.budget = new ByteBudget(Math.max(BODIES * options.maxBody, LEAST_BYTES));
  }

  get ready(): boolean {
    return !this.draining && this.repository.ready;
  }

  /** Refuses a request early that would be refused once its body has arrived. @throws RequestError 429. */
  checkQueue(): void {
    this.limit.check(this.repository.backlog);
  }

  /**
   * Computes jobs of one request.
   * @param key jobs with the same one can share a forward pass.
   * @throws RequestError 429 if the queue is full, 504 after the deadline; the signal's reason; what a job fails with, if
   * there is only one.
   */
  async compute(
    model: ServedModel,
    jobs: readonly ServeJob[],
    key: string,
    signal: AbortSignal,
    notes: WorkNotes,
  ): Promise<(ServeAnswer | Error)[]> {
    const { timeout, maxQueue } = this.options;
    if (jobs.length > maxQueue) {
      throw new RequestError(413, "request", `${jobs.length} pictures are more than the queue holds (${maxQueue})`);
    }
    const ending = new AbortController();
    const late = (): void =>
      ending.abort(new RequestError(504, "deadline", `the answer was not ready after ${timeout / 1000} s`));
    const timer = setTimeout(late, timeout);
    const gone = (): void => ending.abort(signal.reason);
    if (signal.aborted) gone();
    signal.addEventListener("abort", gone, { once: true });
    Object.assign(notes, { model: `${model.spec.name}@${model.spec.version}`, pictures: jobs.length });
    try {
      const one = async (job: ServeJob): Promise<ServeAnswer | Error> => {
        try {
          const { answer, waited, batch } = await model.scheduler.submit(job, key, ending.signal);
          this.metrics.computed(answer.ms, waited, batch);
          Object.assign(notes, { batch, queue: Math.round(waited) });
          return answer;
        } catch (error) {
          // The other jobs of this request are useless without it.
          if (error instanceof RequestError || jobs.length === 1) {
            ending.abort(error);
            throw error;
          }
          return error instanceof Error ? error : new Error(String(error));
        }
      };
      return await Promise.all(jobs.map(one));
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", gone);
    }
  }
}

/** A signal that is aborted when the connection of an answer closes before the answer is sent. */
export function untilClosed(answer: {
  readonly writableFinished: boolean;
  once(event: "close", listener: () => void): unknown;
}): AbortSignal {
  const controller = new AbortController();
  answer.once("close", () => {
    if (!answer.writableFinished) controller.abort(clientGone());
  });
  return controller.signal;
}
