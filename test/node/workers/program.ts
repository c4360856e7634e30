/** A worker's program for the pool's tests. */

import { threadId } from "node:worker_threads";
import { ImageError, OptionError } from "../../../src/errors.js";
import { type JobContext, serveJobs } from "../../../src/node/workers/serveJobs.js";

export interface Order {
  readonly does: "double" | "refuse" | "throw" | "exit" | "wait" | "measure" | "heed";
  readonly value: number;
  readonly data?: Uint8Array;
}

export interface Reply {
  readonly value: number;
  readonly thread: number;
}

serveJobs(async (data: { readonly broken?: boolean; readonly dies?: boolean; readonly shared?: Int32Array }) => {
  if (data.broken) throw new OptionError("no such model", { model: "x" });
  if (data.dies) process.exit(3);
  return async ({ does, value, data: bytes }: Order, { signal, tell }: JobContext) => {
    switch (does) {
      case "refuse":
        throw new ImageError(`picture ${value} is damaged`, { value });
      case "throw":
        throw new RangeError("too long");
      case "exit":
        process.exit(7);
        break;
      case "wait":
        // Until the test says that it may go on.
        while (data.shared && Atomics.load(data.shared, 0) === 0) await new Promise((go) => setTimeout(go, 1));
        break;
      case "heed":
        tell(value);
        while (!signal.aborted) await new Promise((go) => setTimeout(go, 1));
        break;
      case "measure":
        return { answer: { value: bytes?.length ?? 0, thread: threadId } satisfies Reply };
    }
    return { answer: { value: 2 * value, thread: threadId } satisfies Reply };
  };
});
