/** Cache Storage: optional, never a reason to fail. Sandboxed frames and insecure contexts have none. */

import { CACHE_NAME } from "../api/names.js";

export interface KeptFiles {
  get(url: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  put(url: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
}

/** @param onNote receives the reason why there is none, or why a file is not kept. */
export async function openKeptFiles(onNote: (note: string) => void = () => undefined): Promise<KeptFiles | undefined> {
  const refused = (error: unknown): undefined => {
    onNote(`downloads are not cached: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  };
  let cache: Cache;
  try {
    // With an opaque origin even the property access throws.
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
        // Usually a full disk.
        refused(error);
      }
    },
  };
}
