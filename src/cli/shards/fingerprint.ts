/** Tells whether two shards are parts of the same run: the same command, options, weights and pictures. */

import { createHash } from "node:crypto";
import { VERSION } from "../../version.js";

/** Options that do not change a picture's results: their destination and the workers. */
const ELSEWHERE: ReadonlySet<string> = new Set([
  ...["json", "ndjson", "quiet", "project", "name", "existOk", "output"],
  ...["backend", "device", "threads", "workers", "tune", "forwardBatch"],
  // Named by what they hold.
  ...["weights", "source", "data", "shard", "resume"],
]);

/**
 * @param weights what the checkpoints hold, or their names.
 * @param pictures the whole list, not only the shard's.
 */
export function fingerprint(
  command: string,
  flags: object,
  weights: readonly (string | Uint8Array)[],
  pictures: Iterable<string>,
): string {
  const options = Object.entries(flags)
    .filter(([name, value]) => !ELSEWHERE.has(name) && value !== undefined && value !== false)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const hash = createHash("sha256").update(JSON.stringify([VERSION, command, options]));
  for (const one of weights) hash.update("\0weights\0").update(one);
  for (const name of pictures) hash.update("\0").update(name);
  return hash.digest("hex").slice(0, 32);
}
