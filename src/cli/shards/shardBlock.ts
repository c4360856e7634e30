/** What the JSON of a shard says of itself, as its first field, so that a few bytes of a large file tell it. */

import { open } from "node:fs/promises";
import type { Shard } from "../../eval/statistics/shard.js";

export interface ShardBlock extends Shard {
  readonly command: "detect" | "val" | "compress";
  /** The same for all shards of a run: `fingerprint`. */
  readonly run: string;
  /** Sources that failed. */
  readonly failed: number;
}

/** Many times as long as a block. */
const HEAD_BYTES = 4096;

/** The block of a shard's JSON file; undefined if there is no such file, or it is something else. */
export async function readShardBlock(path: string): Promise<ShardBlock | undefined> {
  const file = await open(path).catch(() => undefined);
  if (!file) return undefined;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return shardBlockOf(buffer.toString("utf8", 0, bytesRead));
  } catch {
    return undefined;
  } finally {
    await file.close();
  }
}

/** @param text the beginning of the file. */
export function shardBlockOf(text: string): ShardBlock | undefined {
  const found = /^\{"shard":(\{[^{}]*\})[,}]/.exec(text);
  if (!found) return undefined;
  const block = JSON.parse(found[1]) as Partial<ShardBlock>;
  const { index, count, command, run, failed } = block;
  const known = command === "detect" || command === "val" || command === "compress";
  const whole = Number.isInteger(index) && Number.isInteger(count) && known;
  return whole && typeof run === "string" && Number.isInteger(failed) ? (block as ShardBlock) : undefined;
}
