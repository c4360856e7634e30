/** Handles Ctrl-C, even in the middle of a long run. */

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
