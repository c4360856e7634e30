/** A thread's side of a pool: does its jobs in the order of arrival. */

import { parentPort, type TransferListItem, workerData } from "node:worker_threads";
import { toWire } from "../../api/wireError.js";
import { invariant } from "../../errors.js";
import { type FromThread, POOL, type ToThread } from "./jobProtocol.js";

export interface Done<Answer> {
  readonly answer: Answer;
  /** Memory to hand over instead of copying it. */
  readonly transfer?: readonly TransferListItem[] | undefined;
}

export interface JobContext {
  /** Aborted when nobody waits any longer. */
  readonly signal: AbortSignal;
  /** Tells the pool something plain, before the answer. */
  readonly tell: (event: unknown) => void;
}

export type DoJob<Job, Answer> = (job: Job, context: JobContext) => Promise<Done<Answer>>;

export interface ServeOptions {
  /** Begin a job before those given earlier are done. Default: one by one. */
  readonly overlap?: boolean | undefined;
}

/** @param open prepares the thread; if it fails, so does the whole pool, with the same error. */
export function serveJobs<Data, Job, Answer>(
  open: (data: Data, context: JobContext) => Promise<DoJob<Job, Answer>>,
  { overlap = false }: ServeOptions = {},
): void {
  const port = parentPort;
  invariant(port, "a worker's program runs outside a worker");
  const post = (message: FromThread<Answer>, transfer: readonly TransferListItem[] = []): void =>
    port.postMessage(message, transfer);
  const controllers = new Map<number, AbortController>();
  const contextOf = (id: number): JobContext => {
    const controller = new AbortController();
    controllers.set(id, controller);
    return { signal: controller.signal, tell: (event) => post({ type: "event", id, event }) };
  };
  const opened = open(workerData as Data, contextOf(POOL));
  opened.then(
    () => post({ type: "ready" }),
    (error) => post({ type: "broken", error: toWire(error) }),
  );
  let last: Promise<unknown> = opened.catch(() => undefined);
  port.on("message", (message: ToThread<Job>) => {
    const { id } = message;
    if (message.type === "abort") return controllers.get(id)?.abort();
    const context = contextOf(id);
    const work = async (): Promise<void> => {
      try {
        context.signal.throwIfAborted();
        const { answer, transfer } = await (await opened)(message.job, context);
        post({ type: "answer", id, answer }, transfer);
      } catch (error) {
        post({ type: "failed", id, error: toWire(error) });
      } finally {
        controllers.delete(id);
      }
    };
    if (overlap) void work();
    else last = last.then(work);
  });
}
