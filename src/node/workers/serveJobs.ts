/** A thread's side of a pool: does its jobs one by one, in the order of arrival. */

import { parentPort, type TransferListItem, workerData } from "node:worker_threads";
import { toWire } from "../../api/wireError.js";
import { invariant } from "../../errors.js";
import type { FromThread, ToThread } from "./jobProtocol.js";

export interface Done<Answer> {
  readonly answer: Answer;
  /** Memory to hand over instead of copying it. */
  readonly transfer?: readonly TransferListItem[];
}

export type DoJob<Job, Answer> = (job: Job) => Promise<Done<Answer>>;

/** @param open prepares the thread; if it fails, so does the whole pool, with the same error. */
export function serveJobs<Data, Job, Answer>(open: (data: Data) => Promise<DoJob<Job, Answer>>): void {
  const port = parentPort;
  invariant(port, "a worker's program runs outside a worker");
  const post = (message: FromThread<Answer>, transfer: readonly TransferListItem[] = []): void =>
    port.postMessage(message, transfer);
  const opened = open(workerData as Data);
  opened.then(
    () => post({ type: "ready" }),
    (error) => post({ type: "broken", error: toWire(error) }),
  );
  let last: Promise<unknown> = opened.catch(() => undefined);
  port.on("message", ({ id, job }: ToThread<Job>) => {
    last = last.then(async () => {
      try {
        const { answer, transfer } = await (await opened)(job);
        post({ type: "answer", id, answer }, transfer);
      } catch (error) {
        post({ type: "failed", id, error: toWire(error) });
      }
    });
  });
}
