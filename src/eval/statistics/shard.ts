/** One of several parts of a run, done by separate processes: the i-th of n, counted from 0. */

/** The part of the work to do: the `index`-th of `count`, counted from 0. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/**
 * The part of a list of `length` entries that belongs to a shard: consecutive entries, so that the shards one after the
 * other are the list. Their sizes differ by one at most; with more shards than entries some are empty.
 * @returns the first index, and the one after the last.
 */
export function partOf(length: number, { index, count }: Shard): readonly [start: number, end: number] {
  return [Math.floor((index * length) / count), Math.floor(((index + 1) * length) / count)];
}
