/** Work on items as they come: the next ones are read and started while one is under way, results keep their order. */

import { signalOf, untilAborted } from "./abort.js";

export interface InOrderOptions {
  /** Items under way at once, read but not given back. Default 2. */
  readonly most?: number | undefined;
  /** Ends it with its reason, also while an item is waited for. */
  readonly signal?: AbortSignal | undefined;
}

/** Work that was begun. */
export interface Begun<R> {
  readonly result: Promise<R>;
}

/**
 * @param begin settles when the item itself is no longer needed: only then the next one is asked for, so a source may use
 *   its memory again.
 * @returns results in the order of the items. An error of the source or of the work comes after the results before it.
 *   Whoever stops early has the source closed; work that is under way then ends unseen.
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
  /** Nothing more is to be read: the source is at its end, failed or is no longer wanted. */
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
    // Looked at in its turn, or never.
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
      // A source that is just being read closes after that, which may take as long as it likes.
      if (!reading) await closing;
    }
  }
}
