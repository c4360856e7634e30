/** Handles Ctrl-C, even in the middle of a long run. */

import { setTimeout } from "node:timers/promises";
import { InterruptedError } from "./errors.js";

/** @throws InterruptedError after Ctrl-C. */
export function throwIfInterrupted(signal: AbortSignal): void {
  if (signal.aborted) throw new InterruptedError();
}

/**
 * Resolves with the result of `work`, or rejects with InterruptedError as soon as Ctrl-C is pressed. Pending work
 * then continues unobserved until it next calls `throwIfInterrupted` or its model is disposed.
 */
export async function orInterrupted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  let onAbort: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(new InterruptedError());
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    work.catch(() => undefined);
    signal.removeEventListener("abort", onAbort);
  }
}

/** How long work in progress may continue after Ctrl-C. */
const LAST_MS = 2000;

/** Work in progress that Ctrl-C has to complete, one item at a time. */
export class LastWork {
  private last: Promise<unknown> = Promise.resolve();

  of<T>(work: Promise<T>): Promise<T> {
    this.last = work;
    return work;
  }

  /** Resolves when it is done or has failed; what hangs, such as a pipe that nobody reads, is not waited for. */
  async settled(): Promise<void> {
    const enough = new AbortController();
    const waiting = setTimeout(LAST_MS, undefined, { signal: enough.signal }).catch(() => undefined);
    await Promise.race([this.last.catch(() => undefined), waiting]);
    enough.abort();
    await waiting;
  }
}
