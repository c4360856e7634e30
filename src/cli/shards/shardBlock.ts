/** The description of a shard, as the first field of its JSON, so that a few bytes of a large file suffice. */

import type { Shard } from "../../eval/statistics/shard.js";
import { headOf } from "../../node/files/regularFile.js";
import { MOST_SHARDS } from "./shardOption.js";

export interface ShardBlock extends Shard {
  readonly command: "detect" | "val" | "compress";
  /** The same for all shards of a run: `fingerprint`. */
  readonly run: string;
  /** Sources that failed. */
  readonly failed: number;
}

/** Many times the length of a block. */
const HEAD_BYTES = 4096;

/** The block of a shard's JSON file; undefined if there is no such file, or it is something else. */
export async function readShardBlock(path: string): Promise<ShardBlock | undefined> {
  try {
    return shardBlockOf(Buffer.from(await headOf(path, HEAD_BYTES)).toString());
  } catch {
    return undefined;
  }
}

/** @param text the beginning of the file. */
export function shardBlockOf(text: string): ShardBlock | undefined {
  const found = /^\{"shard":(\{[^{}]*\})[,}]/.exec(text);
  if (!found) return undefined;
  const block: unknown = JSON.parse(found[1]);
  return isShardBlock(block) ? block : undefined;
}

/** Whether it is what `ShardRun` writes. */
export function isShardBlock(value: unknown): value is ShardBlock {
  const { index, count, command, run, failed } = (value ?? {}) as Partial<ShardBlock>;
  const numbers = isWhole(count, MOST_SHARDS + 1) && isWhole(index, count) && isWhole(failed);
  const known = command === "detect" || command === "val" || command === "compress";
  return numbers && known && typeof run === "string";
}

const isWhole = (value: unknown, below = Number.POSITIVE_INFINITY): boolean =>
  Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < below;
