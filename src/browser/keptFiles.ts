/** Cache Storage: a wish, never a reason to fail. Pages in sandboxed frames and insecure contexts have none. */

import { CACHE_NAME } from "../api/names.js";

export interface KeptFiles {
  get(url: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  put(url: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
}

/** @param onNote told why there is none, or why a file is not kept */
export async function openKeptFiles(onNote: (note: string) => void = () => undefined): Promise<KeptFiles | undefined> {
  const refused = (error: unknown): undefined => {
    onNote(`downloads are not kept: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  };
  let cache: Cache;
  try {
    // Where the origin is opaque, asking whether there is one throws.
    if (typeof caches === "undefined") return refused("Cache Storage needs a secure page (https or localhost)");
    cache = await caches.open(CACHE_NAME);
  } catch (error) {
    return refused(error);
  }
  return {
    async get(url) {
      try {
        const kept = await cache.match(url);
        return kept && new Uint8Array(await kept.arrayBuffer());
      } catch {
        return undefined;
      }
    },
    async put(url, bytes) {
      try {
        await cache.put(url, new Response(bytes));
      } catch (error) {
        // Mostly a full disk.
        refused(error);
      }
    },
  };
}
