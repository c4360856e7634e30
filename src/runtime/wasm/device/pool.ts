/**
 * Threads over shared memory. One pool serves all executables of a backend, one run at a time, so that two models never
 * ask for more threads than there are.
 *
 * Idle workers sleep in their event loops. For a run every worker gets one message and helps until the last step is done;
 * tiles are handed out by atomics in shared memory (see kernels/wasm/scheduler.ts), so a worker that starts late only
 * costs its help, and one whose kernel fails ends the run with an error. Where the calling thread may block (Node,
 * workers) it takes part itself; a browser's main thread may not, and waits for a message.
 */

import { DeviceError } from "../../../errors.js";
import { COUNTER_BYTES, HEADER, OUTCOME } from "../../../kernels/wasm/index.js";
import type { LinearMemory } from "./linearMemory.js";
import { BatchLoader, type Machine, type StepsAt, setTiles, type TilePart } from "./machine.js";
import type { FromWorker, SpawnWorker, WorkerThread } from "./worker.js";

/** Milliseconds for workers to answer where the pool cannot do without them. */
const START_MS = 5000;
/** Generations stay positive 32-bit numbers. */
const GENERATIONS = 2 ** 30;

type Work = (header: number, thread: number, generation: number, first: number, last: number) => number;

interface Pending {
  readonly id: number;
  readonly generation: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Whether this thread may sleep on an atomic: not the main thread of a browser. */
export function mayBlock(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0);
    return true;
  } catch {
    return false;
  }
}

export class ThreadPool {
  private readonly workers: WorkerThread[] = [];
  private readonly pending = new Set<Pending>();
  private readonly started: Promise<boolean>;
  /** Ends the wait for the workers' answers; its timer would keep a process alive. */
  private settleStart: (good: boolean) => void = () => undefined;
  private queue: Promise<unknown> = Promise.resolve();
  private nextId = 1;
  private readonly leaving = new Map<number, { missing: number; readonly resolve: () => void }>();
  private nextToken = 1;
  private broken: string | undefined;

  /** @param threads threads that work, the calling one included where `participates` */
  constructor(
    spawn: SpawnWorker,
    readonly threads: number,
    private readonly participates: boolean,
  ) {
    let ready = 0;
    const wanted = threads - (participates ? 1 : 0);
    this.started = new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), START_MS);
      this.settleStart = (good) => {
        clearTimeout(timer);
        resolve(good);
      };
      const onMessage = (message: FromWorker): void => {
        if (message.type === "ready") {
          if (++ready === wanted) this.settleStart(true);
        } else if (message.type === "left") this.hasLeft(message.token);
        else this.finish(message);
      };
      const onError = (message: string): void => this.fail(message);
      try {
        for (let i = 0; i < wanted; i++) this.workers.push(spawn({ onMessage, onError }));
        for (const worker of this.workers) worker.post({ type: "hello" });
      } catch (error) {
        onError(String(error));
      }
    });
  }

  /** Whether all workers answered. */
  ready(): Promise<boolean> {
    return this.started;
  }

  /** Runs steps in a memory by all threads. */
  open(memory: LinearMemory): Machine {
    const id = this.nextId++;
    const loader = this.participates ? new BatchLoader(memory.memory) : undefined;
    const sent: { readonly module: WebAssembly.Module; readonly slots: number }[] = [];
    /** As of the first module. */
    let sentBytes = 0;
    let work: Work | undefined;
    let generation = 0;

    const send = (batch: (typeof sent)[number]): void => {
      for (const worker of this.workers) worker.post({ type: "load", id, memory: memory.memory, ...batch });
    };
    /** In V8, instances on other threads may not see that a memory has grown: they get new ones over the memory as it is. */
    const sendAgain = (): void => {
      for (const worker of this.workers) worker.post({ type: "drop", id });
      sent.forEach(send);
      sentBytes = memory.bytes;
    };

    const begin = ({ header, counters }: StepsAt, first: number, last: number, parts: readonly TilePart[]): number => {
      if (memory.bytes !== sentBytes) sendAgain();
      generation = (generation % GENERATIONS) + 1;
      const { buffer } = memory.memory;
      const ints = new Int32Array(buffer);
      const words = new BigInt64Array(buffer);
      const failed = header + HEADER.failed;
      Atomics.store(ints, failed / 4, 0);
      Atomics.store(ints, (header + HEADER.generation) / 4, generation);
      const setCounters = (step: number, from: number): void => {
        const at = counters + step * COUNTER_BYTES;
        Atomics.store(ints, (at + 8) / 4, from);
        Atomics.store(words, at / 8, (BigInt(generation) << 32n) | BigInt(from));
      };
      for (const { step, from, to } of parts) setTiles(buffer, header, step, from, to);
      for (let step = first; step < last; step++) setCounters(step, 0);
      for (const { step, from } of parts) setCounters(step, from);
      this.workers.forEach((worker, index) => {
        const thread = index + (this.participates ? 1 : 0);
        worker.post({ type: "run", id, header, thread, generation, first, last, failed });
      });
      return generation;
    };
    const end = ({ header, counters }: StepsAt, { step, tiles }: TilePart): void => {
      const { buffer } = memory.memory;
      // A thread that is late must not take one of the tiles that are there again: it finds a counter of no generation.
      Atomics.store(new BigInt64Array(buffer), (counters + step * COUNTER_BYTES) / 8, 0n);
      setTiles(buffer, header, step, 0, tiles);
    };
    const run = async (steps: StepsAt, first: number, last: number, parts: readonly TilePart[] = []): Promise<void> => {
      try {
        await runAll(steps, first, last, parts);
      } finally {
        for (const part of parts) end(steps, part);
      }
    };
    const runAll = async (steps: StepsAt, first: number, last: number, parts: readonly TilePart[]): Promise<void> => {
      if (work) {
        const outcome = work(steps.header, 0, begin(steps, first, last, parts), first, last);
        // The message with what failed is on its way.
        if (outcome === OUTCOME.failed) await this.answer(id, generation);
        return;
      }
      if (this.broken !== undefined) throw new DeviceError(`wasm: the worker threads ended (${this.broken})`);
      await this.answer(id, begin(steps, first, last, parts));
    };
    return {
      load: async (batches) => {
        while (sent.length < batches.length) {
          const { module, slots } = batches[sent.length];
          const batch = { module: await module, slots };
          if (sent.length === 0) sentBytes = memory.bytes;
          sent.push(batch);
          send(batch);
        }
        for (const exports of (await loader?.load(batches)) ?? []) work ??= exports.work as Work | undefined;
      },
      run: (steps, first, last, parts) => {
        const turn = this.queue.then(() => run(steps, first, last, parts));
        this.queue = turn.catch(() => undefined);
        return turn;
      },
      left: () => this.left(),
      dispose: () => {
        for (const worker of this.workers) worker.post({ type: "drop", id });
      },
    };
  }

  /** Settles when a worker tells how a run ended. */
  private answer(id: number, generation: number): Promise<void> {
    return new Promise((resolve, reject) => this.pending.add({ id, generation, resolve, reject }));
  }

  /** Settles when every worker has answered to what it was sent before; never, where one is dead. */
  private left(): Promise<void> {
    if (this.workers.length === 0) return Promise.resolve();
    const token = this.nextToken++;
    return new Promise((resolve) => {
      this.leaving.set(token, { missing: this.workers.length, resolve });
      for (const worker of this.workers) worker.post({ type: "leave", token });
    });
  }

  private hasLeft(token: number): void {
    const entry = this.leaving.get(token);
    if (!entry || --entry.missing > 0) return;
    this.leaving.delete(token);
    entry.resolve();
  }

  private finish(message: Exclude<FromWorker, { type: "ready" | "left" }>): void {
    for (const entry of [...this.pending]) {
      if (entry.id !== message.id || entry.generation !== message.generation) continue;
      this.pending.delete(entry);
      // Any thread that returns from a run has seen its last step finished.
      if (message.type === "done") entry.resolve();
      else entry.reject(new DeviceError(`wasm: a worker thread failed: ${message.message}`));
    }
  }

  private fail(message: string): void {
    this.broken ??= message;
    this.settleStart(false);
    for (const { reject } of this.pending) reject(new DeviceError(`wasm: a worker thread failed: ${message}`));
    this.pending.clear();
  }

  dispose(): void {
    this.fail("the pool was disposed");
    for (const worker of this.workers) worker.terminate();
    this.workers.length = 0;
    this.leaving.clear();
  }
}
