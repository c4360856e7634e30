/**
 * Giving up: calls end at once with the signal's reason, and what they began ends at its next step. Signals are known by what
 * they do, since those of other realms and of older libraries are of other classes.
 */

import { OptionError } from "../../errors.js";
import { describeGiven } from "../input/given.js";

/**
 * The signal of an option.
 * @throws OptionError for what is none.
 */
export function signalOf(value: unknown): AbortSignal | undefined {
  if (value === undefined || value === null) return undefined;
  const { aborted, addEventListener } = value as Partial<AbortSignal>;
  if (typeof aborted === "boolean" && typeof addEventListener === "function") return value as AbortSignal;
  throw new OptionError(`signal must be an AbortSignal, got ${describeGiven(value)}`);
}

/** Why a signal was aborted. Old ones do not say. */
export function abortReason(signal: AbortSignal): unknown {
  return signal.reason ?? new DOMException("This operation was aborted", "AbortError");
}

/** @throws the signal's reason, where it is aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortReason(signal);
}

/** Calls `act` once when the signal is aborted, at once where it is; returns what stops listening. */
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

/** Where to listen: `onAbort`, or what shares its listeners. */
type Listen = typeof onAbort;

/** What waits for one signal, and what ends the listening. */
interface Shared {
  readonly acts: Set<(reason: unknown) => void>;
  readonly stop: () => void;
}

/** One listener for all calls that are given the same signal: Node warns of more than ten as of a leak. */
export class AbortListeners {
  private readonly shared = new WeakMap<AbortSignal, Shared>();

  readonly on: Listen = (signal, act) => {
    if (!signal || signal.aborted) return onAbort(signal, act);
    const { acts, stop } = this.shared.get(signal) ?? this.listen(signal);
    // The same function may be given twice.
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
 * What `work` gives, or the signal's reason as soon as it is aborted. Work that is under way then ends unseen: it asks the
 * signal that it is given, and lets go of what it holds.
 * @param work is begun in this call.
 */
export async function untilAborted<T>(
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal | undefined) => Promise<T>,
  listen: Listen = onAbort,
): Promise<T> {
  throwIfAborted(signal);
  if (!signal) return work(undefined);
  // Of this realm and for this call alone, whatever the caller's is.
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
    // Both may reject, and one of them is heard.
    aborted.catch(() => undefined);
    working.catch(() => undefined);
  }
}
