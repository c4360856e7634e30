/** The names of a shard's files: no two shards of a run share one. */

import { basename, dirname, extname, join } from "node:path";
import type { Shard } from "../../eval/statistics/shard.js";

const DIGITS = 5;
/** Stands for the shard in the names of files. */
const PLACEHOLDER = "{shard}";
/** The JSON in a shard's folder. */
export const RESULTS = "results.json";

/** `00003-of-00007`: sorted by name, shards are in their order. */
export function shardLabel({ index, count }: Shard): string {
  return `${`${index}`.padStart(DIGITS, "0")}-of-${`${count}`.padStart(DIGITS, "0")}`;
}

export function shardFolderName(shard: Shard): string {
  return `shard-${shardLabel(shard)}`;
}

/** The shard given by a folder's name. */
export function shardOfFolder(name: string): Shard | undefined {
  const found = /^shard-(\d{5,})-of-(\d{5,})$/.exec(name);
  return found ? { index: Number(found[1]), count: Number(found[2]) } : undefined;
}

/** For messages: `3/7`. */
export function shardText({ index, count }: Shard): string {
  return `${index}/${count}`;
}

/**
 * A file's name for one shard: `{shard}` in it becomes the shard's label.
 * @param shared whether all shards are given the same name, as by a scheduler that repeats one command line: the label is
 *   then added, `out-00003-of-00007.json`.
 */
export function shardFile(path: string, shard: Shard, shared: boolean): string {
  if (path.includes(PLACEHOLDER)) return path.replaceAll(PLACEHOLDER, shardLabel(shard));
  if (!shared) return path;
  const ending = extname(path);
  return join(dirname(path), `${basename(path, ending)}-${shardLabel(shard)}${ending}`);
}
