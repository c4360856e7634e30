/**
 * Processes items as they arrive: the next ones are read and started while one is being processed; results keep their
 * order.
 */

import { signalOf, untilAborted } from "./abort.js";

export interface InOrderOptions {
  /** Maximum number of items read but not yet returned. Default 2. */
  readonly most?: number | undefined;
  /** Aborts with its reason, even while waiting for an item. */
  readonly signal?: AbortSignal | undefined;
}

/** Started work. */
export interface Begun<R> {
  readonly result: Promise<R>;
}

/**
 * @param begin settles when the item itself is no longer needed. Only then is the next one requested, so that a
 * source may reuse its memory.
 * @returns results in the order of the items. An error of the source or the work follows the results before it.
 * Stopping early closes the source; pending work then ends unobserved.
 */
export async function* inOrder<T, R>(
  items: AsyncIterable<T> | Iterable<T>,
  begin: (item: T) => Promise<Begun<R>>,
  { most = 2, signal: given }: InOrderOptions = {},
): AsyncGenerator<R> {
  const signal = signalOf(given);
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  const coming: Promise<{ readonly value: R } | undefined>[] = [];
  let last: Promise<unknown> = Promise.resolve();
  let reading = false;
  /** No more items will be read: the source has ended, failed or is no longer wanted. */
  let over = false;
  let closed = false;

  const read = async (): Promise<IteratorResult<T>> => {
    reading = true;
    try {
      const next = await iterator.next();
      closed = next.done === true;
      return next;
    } catch (error) {
      closed = true;
      throw error;
    } finally {
      reading = false;
    }
  };
  const beginNext = async (): Promise<Begun<R> | undefined> => {
    if (over) return undefined;
    try {
      const next = await read();
      if (next.done || over) over = true;
      else return await begin(next.value);
    } catch (error) {
      over = true;
      throw error;
    }
    return undefined;
  };
  const advance = (): void => {
    const begun = last.then(beginNext);
    const one = begun.then(async (work) => work && { value: await work.result });
    last = begun.catch(() => undefined);
    // Awaited in its turn, or never.
    one.catch(() => undefined);
    coming.push(one);
  };

  try {
    for (let i = 0; i < most; i++) advance();
    for (;;) {
      const next = await untilAborted(signal, async () => coming.shift());
      if (!next) return;
      advance();
      yield next.value;
    }
  } finally {
    over = true;
    if (!closed) {
      const closing = Promise.resolve(iterator.return?.());
      closing.catch(() => undefined);
      // A source that is being read closes after the read, which may take any time.
      if (!reading) await closing;
    }
  }
}
