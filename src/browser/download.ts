/** Bytes behind a URL, with progress and an optional cache, and a clear sentence for each way in which that goes wrong. */

import type { OnProgress } from "../api/loadOptions.js";
import { CACHE_NAME } from "../api/names.js";
import { DownloadError } from "../errors.js";

export type { OnProgress };

export interface FetchOptions {
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Keep the answer in the browser's Cache Storage and take it from there next time. Default false. */
  readonly cache?: boolean | undefined;
  /** Largest answer that is accepted, in bytes. Default 2 GiB. */
  readonly maxBytes?: number | undefined;
}

const MAX_BYTES = 2 ** 31;

/**
 * Fetches a file.
 * @throws DownloadError when the server is unreachable or forbids it (CORS), answers with a status other than 2xx, with
 *   a web page, with nothing, or with more or fewer bytes than announced; the signal's reason when aborted.
 */
export async function fetchBytes(url: string, options: FetchOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
  const { signal, onProgress } = options;
  signal?.throwIfAborted();
  const store = options.cache ? await openCache() : undefined;
  const kept = await store?.match(url).catch(() => undefined);
  if (kept) {
    const bytes = new Uint8Array(await kept.arrayBuffer());
    onProgress?.({ loaded: bytes.length, total: bytes.length });
    return bytes;
  }
  const answer = await request(url, signal);
  const bytes = await readBody(answer, url, options);
  if (looksLikePage(answer, bytes)) {
    throw new DownloadError(
      `${url}: the server sent a web page instead of the file (often its "not found" page); check the address`,
      { url, type: answer.headers.get("content-type") },
    );
  }
  // A full or forbidden cache is no reason to fail.
  await store?.put(url, new Response(bytes)).catch(() => undefined);
  return bytes;
}

async function request(url: string, signal: AbortSignal | undefined): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(url, signal ? { signal } : {});
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw new DownloadError(
      `${url}: cannot be fetched; the server is unreachable, the address is wrong, or the server sends no CORS header (Access-Control-Allow-Origin)`,
      { url },
      { cause: error },
    );
  }
  if (!answer.ok) {
    throw new DownloadError(
      `${url}: the server answered ${answer.status}${answer.statusText ? ` ${answer.statusText}` : ""}`,
      { url, status: answer.status },
    );
  }
  return answer;
}

/** Only pages in secure contexts have one, and private windows may refuse it. */
async function openCache(): Promise<Cache | undefined> {
  if (typeof caches === "undefined") return undefined;
  return caches.open(CACHE_NAME).catch(() => undefined);
}

/** The length that the server announces; of compressed answers it says nothing about the bytes that arrive. */
function announced(answer: Response): number | undefined {
  const length = Number(answer.headers.get("content-length") ?? Number.NaN);
  return answer.headers.has("content-encoding") || !Number.isInteger(length) ? undefined : length;
}

async function readBody(answer: Response, url: string, options: FetchOptions): Promise<Uint8Array<ArrayBuffer>> {
  const { signal, onProgress, maxBytes = MAX_BYTES } = options;
  const total = announced(answer);
  const tooLarge = (bytes: number): DownloadError =>
    new DownloadError(`${url}: has ${bytes} bytes or more, accepted are ${maxBytes}`, { url, bytes, maxBytes });
  if (total !== undefined && total > maxBytes) {
    await answer.body?.cancel();
    throw tooLarge(total);
  }
  const chunks: Uint8Array[] = [];
  let loaded = 0;
  try {
    const reader = answer.body?.getReader();
    while (reader) {
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
      loaded += value.length;
      if (loaded > maxBytes) {
        await reader.cancel();
        throw tooLarge(loaded);
      }
      onProgress?.({ loaded, total });
    }
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    if (error instanceof DownloadError) throw error;
    throw new DownloadError(
      `${url}: the connection ended after ${loaded} of ${total ?? "an unknown number of"} bytes; try again`,
      { url, loaded, total },
      { cause: error },
    );
  }
  if (loaded === 0) throw new DownloadError(`${url}: the server sent an empty file`, { url });
  if (total !== undefined && loaded !== total) {
    throw new DownloadError(`${url}: ${loaded} bytes arrived, ${total} were announced; try again`, {
      url,
      loaded,
      total,
    });
  }
  const bytes = new Uint8Array(loaded);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

function looksLikePage(answer: Response, bytes: Uint8Array): boolean {
  if (!/\bhtml\b/i.test(answer.headers.get("content-type") ?? "")) return false;
  const start = new TextDecoder().decode(bytes.subarray(0, 256)).trimStart().toLowerCase();
  return start.startsWith("<");
}
