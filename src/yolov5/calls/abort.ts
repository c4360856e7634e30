/**
 * Aborting: calls reject at once with the signal's reason, and pending work stops at its next step. Signals are
 * recognised structurally, since those of other realms and older libraries have other classes.
 */

import { OptionError } from "../../errors.js";
import { describeGiven } from "../input/given.js";

/**
 * The signal of an option.
 * @throws OptionError for anything but a signal.
 */
export function signalOf(value: unknown): AbortSignal | undefined {
  if (value === undefined || value === null) return undefined;
  const { aborted, addEventListener } = value as Partial<AbortSignal>;
  if (typeof aborted === "boolean" && typeof addEventListener === "function") return value as AbortSignal;
  throw new OptionError(`signal must be an AbortSignal, got ${describeGiven(value)}`);
}

/** The reason of an aborted signal. Old implementations have none. */
export function abortReason(signal: AbortSignal): unknown {
  return signal.reason ?? new DOMException("This operation was aborted", "AbortError");
}

/** @throws the signal's reason if it is aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortReason(signal);
}

/**
 * Calls `act` once when the signal is aborted, or at once if it already is. @returns a function that stops listening.
 */
export function onAbort(signal: AbortSignal | undefined, act: (reason: unknown) => void): () => void {
  if (!signal) return () => undefined;
  const listener = (): void => {
    stop();
    act(abortReason(signal));
  };
  const stop = (): void => signal.removeEventListener("abort", listener);
  if (signal.aborted) act(abortReason(signal));
  else signal.addEventListener("abort", listener);
  return stop;
}

/** How to listen: `onAbort`, or a variant that shares listeners. */
type Listen = typeof onAbort;

/** The callbacks waiting for one signal, and the function that stops listening. */
interface Shared {
  readonly acts: Set<(reason: unknown) => void>;
  readonly stop: () => void;
}

/** One listener for all calls with the same signal: Node warns of a leak beyond ten listeners. */
export class AbortListeners {
  private readonly shared = new WeakMap<AbortSignal, Shared>();

  readonly on: Listen = (signal, act) => {
    if (!signal || signal.aborted) return onAbort(signal, act);
    const { acts, stop } = this.shared.get(signal) ?? this.listen(signal);
    // The same function may be passed twice.
    const own = (reason: unknown): void => act(reason);
    acts.add(own);
    return () => {
      acts.delete(own);
      if (acts.size > 0) return;
      stop();
      this.shared.delete(signal);
    };
  };

  private listen(signal: AbortSignal): Shared {
    const acts = new Set<(reason: unknown) => void>();
    const stop = onAbort(signal, (reason) => {
      for (const act of [...acts]) act(reason);
    });
    const shared = { acts, stop };
    this.shared.set(signal, shared);
    return shared;
  }
}

/**
 * Resolves with the result of `work`, or rejects with the signal's reason as soon as it is aborted. Pending work then
 * ends unobserved: it checks the signal passed to it and releases its resources.
 * @param work started synchronously.
 */
export async function untilAborted<T>(
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal | undefined) => Promise<T>,
  listen: Listen = onAbort,
): Promise<T> {
  throwIfAborted(signal);
  if (!signal) return work(undefined);
  // A signal of this realm and for this call only, whatever kind the caller's is.
  const own = new AbortController();
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = listen(signal, (reason) => {
      own.abort(reason);
      reject(reason);
    });
  });
  const working = work(own.signal);
  try {
    return await Promise.race([working, aborted]);
  } finally {
    stop();
    // Both may reject; only one of them is observed.
    aborted.catch(() => undefined);
    working.catch(() => undefined);
  }
}
