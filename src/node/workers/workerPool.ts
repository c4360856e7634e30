/**
 * Worker threads that share a queue of jobs. They start when they are needed. One that dies fails the job that it was
 * doing; another takes its place, and its other jobs.
 */

import { type TransferListItem, Worker } from "node:worker_threads";
import { fromWire } from "../../api/wireError.js";
import { DeviceError, DisposedError, WorkerError } from "../../errors.js";
import { abortReason, onAbort } from "../../yolov5/calls/abort.js";
import { type FromThread, POOL, type ToThread } from "./jobProtocol.js";

/**
 * Of a thread's short-lived objects: results and small buffers, while pixels and weights lie elsewhere. V8's own 48 MB fill up over some
 * hundred pictures, in every thread, and make nothing faster.
 */
const YOUNG_MB = 12;

export interface PoolOptions {
  /** The program of every thread, which calls `serveJobs`. */
  readonly file: string;
  /** What its `open` receives. */
  readonly data: unknown;
  /** Most threads at once. */
  readonly threads: number;
  /** Receives what threads tell without a job. */
  readonly onEvent?: ((event: unknown) => void) | undefined;
  /** Is handed on to all threads, which decide what it ends. */
  readonly signal?: AbortSignal | undefined;
}

export interface JobOptions {
  /** Memory to hand over instead of copying it. */
  readonly transfer?: readonly TransferListItem[] | undefined;
  /** Rejects with its reason at once. A job that a thread has begun is notified and ends unobserved. */
  readonly signal?: AbortSignal | undefined;
  /** Receives what the thread tells before its answer. */
  readonly onEvent?: ((event: unknown) => void) | undefined;
}

/** One in work and one waiting in the thread, so that it never waits for this one. */
const MOST_PER_THREAD = 2;

interface Task<Job, Answer> {
  readonly id: number;
  readonly job: Job;
  readonly transfer: readonly TransferListItem[];
  readonly onEvent: ((event: unknown) => void) | undefined;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

interface Thread<Job, Answer> {
  readonly worker: Worker;
  /** Given to it, the first one in work. */
  readonly tasks: Map<number, Task<Job, Answer>>;
  ready: boolean;
}

function post<Job>(worker: Worker, message: ToThread<Job>, transfer: readonly TransferListItem[] = []): void {
  worker.postMessage(message, transfer);
}

const notStarted = (reason: string): DeviceError =>
  new DeviceError(`a worker thread did not start (${reason})`, { reason });

export class WorkerPool<Job, Answer> {
  private readonly options: PoolOptions;
  private most: number;
  private readonly stopListening: () => void;
  private readonly threads = new Set<Thread<Job, Answer>>();
  private waiting: Task<Job, Answer>[] = [];
  private nextId = 1;
  private closed: { readonly reason: unknown } | undefined;

  constructor(options: PoolOptions) {
    this.options = options;
    this.most = options.threads;
    this.stopListening = onAbort(options.signal, () => {
      for (const { worker } of this.threads) post<Job>(worker, { type: "abort", id: POOL });
    });
  }

  /** Lowers the number of threads at once. Those that run go on. */
  limit(threads: number): void {
    this.most = Math.min(this.most, threads);
  }

  /** @throws what the job throws; WorkerError if its thread ends; the signal's reason; DisposedError. */
  run(job: Job, { transfer = [], signal, onEvent }: JobOptions = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.closed) return reject(this.closed.reason);
      if (signal?.aborted) return reject(abortReason(signal));
      const stopListening = onAbort(signal, (reason) => {
        this.waiting = this.waiting.filter((other) => other !== task);
        for (const { worker, tasks } of this.threads) {
          if (tasks.has(task.id)) post<Job>(worker, { type: "abort", id: task.id });
        }
        reject(reason);
      });
      const task: Task<Job, Answer> = {
        id: this.nextId++,
        job,
        transfer,
        onEvent,
        resolve: (answer) => {
          stopListening();
          resolve(answer);
        },
        reject: (error) => {
          stopListening();
          reject(error);
        },
      };
      this.waiting.push(task);
      this.dispatch();
    });
  }

  /** Ends all threads. Jobs that are not done reject with `reason`. */
  dispose(reason: unknown = new DisposedError("the model")): void {
    if (this.closed) return;
    this.closed = { reason };
    this.stopListening();
    const { waiting, threads } = this;
    const tasks = [...waiting, ...[...threads].flatMap((thread) => [...thread.tasks.values()])];
    for (const { worker } of threads) void worker.terminate();
    threads.clear();
    this.waiting = [];
    for (const { reject } of tasks) reject(reason);
  }

  private dispatch(): void {
    while (this.waiting.length > 0) {
      const thread = this.chooseThread();
      const task = thread && this.waiting.shift();
      if (!thread || !task) return;
      thread.tasks.set(task.id, task);
      // A process ends with its pending work, not before.
      thread.worker.ref();
      try {
        post(thread.worker, { type: "job", id: task.id, job: task.job }, task.transfer);
      } catch (error) {
        this.settle(thread, task.id, ({ reject }) => reject(error));
      }
    }
  }

  /** An idle thread, else a new one, else one with room; undefined if all have enough. */
  private chooseThread(): Thread<Job, Answer> | undefined {
    const [least] = [...this.threads].sort((a, b) => a.tasks.size - b.tasks.size);
    if (least?.tasks.size === 0) return least;
    if (this.threads.size < this.most) return this.start();
    return least && least.tasks.size < MOST_PER_THREAD ? least : undefined;
  }

  /** A new thread; undefined if none can start, which ends the pool. */
  private start(): Thread<Job, Answer> | undefined {
    const { file, data } = this.options;
    let worker: Worker;
    try {
      // Not the process's own options: `--input-type`, for one, stops every thread that runs a file.
      const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MB };
      worker = new Worker(file, { workerData: data, execArgv: [], resourceLimits });
    } catch (error) {
      this.dispose(notStarted(error instanceof Error ? error.message : String(error)));
      return undefined;
    }
    worker.unref();
    const thread: Thread<Job, Answer> = { worker, tasks: new Map(), ready: false };
    worker.on("message", (message: FromThread<Answer>) => this.receive(thread, message));
    worker.on("messageerror", (error) => this.ended(thread, error.message));
    worker.on("error", (error) => this.ended(thread, error instanceof Error ? error.message : String(error)));
    worker.on("exit", (code) => this.ended(thread, `exit code ${code}`));
    this.threads.add(thread);
    if (this.options.signal?.aborted) post<Job>(worker, { type: "abort", id: POOL });
    return thread;
  }

  private receive(thread: Thread<Job, Answer>, message: FromThread<Answer>): void {
    switch (message.type) {
      case "ready":
        thread.ready = true;
        break;
      case "event": {
        const { onEvent } = message.id === POOL ? this.options : (thread.tasks.get(message.id) ?? {});
        onEvent?.(message.event);
        break;
      }
      case "broken":
        this.dispose(fromWire(message.error));
        break;
      case "answer":
        this.settle(thread, message.id, ({ resolve }) => resolve(message.answer));
        break;
      case "failed":
        this.settle(thread, message.id, ({ reject }) => reject(fromWire(message.error)));
        break;
    }
  }

  private settle(thread: Thread<Job, Answer>, id: number, act: (task: Task<Job, Answer>) => void): void {
    const task = thread.tasks.get(id);
    thread.tasks.delete(id);
    if (task) act(task);
    this.dispatch();
    if (thread.tasks.size === 0) thread.worker.unref();
  }

  private ended(thread: Thread<Job, Answer>, reason: string): void {
    if (!this.threads.has(thread)) return;
    if (!thread.ready) {
      this.dispose(notStarted(reason));
      return;
    }
    this.threads.delete(thread);
    void thread.worker.terminate();
    const [first, ...others] = thread.tasks.values();
    first?.reject(new WorkerError(`the worker thread ended (${reason})`, { reason }));
    for (const task of others.reverse()) {
      // What was handed over went with the thread.
      if (task.transfer.length > 0) task.reject(new WorkerError(`the worker thread ended (${reason})`, { reason }));
      else this.waiting.unshift(task);
    }
    this.dispatch();
  }
}
