/** Fetches a URL's bytes, with progress, an optional cache, and a clear message for every failure. */

import { nameOfAddress, schemeOf, splitLogin } from "../api/address.js";
import type { OnProgress } from "../api/loadOptions.js";
import { DownloadError } from "../errors.js";
import { onAbort, throwIfAborted } from "../yolov5/calls/abort.js";
import { openKeptFiles } from "./keptFiles.js";

export interface FetchOptions {
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Keep the response in the browser's Cache Storage and reuse it next time. Default false. */
  readonly cache?: boolean | undefined;
  /** Receives the reason why nothing is cached although `cache` is set. */
  readonly onNote?: ((note: string) => void) | undefined;
  /** Maximum size of the response in bytes. Default 2 GiB. */
  readonly maxBytes?: number | undefined;
}

const MAX_BYTES = 2 ** 31;

/** A request: the address without credentials, the header that replaces them, and the name for messages. */
interface Target {
  readonly url: string;
  readonly authorization: string | undefined;
  readonly shown: string;
}

/**
 * Fetches a file.
 * @param address any kind that this browser fetches, relative to the page. User and password in it go into a header
 * and are never shown; only the beginning of data addresses is.
 * @throws DownloadError if the server is unreachable or forbids access (CORS), or responds with a status other than
 * 2xx, with a web page, with nothing, or with more or fewer bytes than announced; the signal's reason if it is
 * aborted.
 */
export async function fetchBytes(address: string, options: FetchOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
  const { signal, onProgress } = options;
  throwIfAborted(signal);
  const target = targetOf(address);
  const remote = /^https?:/i.test(target.url);
  const store = options.cache && remote ? await openKeptFiles(options.onNote) : undefined;
  const kept = await store?.get(target.url);
  throwIfAborted(signal);
  if (kept) {
    onProgress?.({ loaded: kept.length, total: kept.length });
    return kept;
  }
  const bytes = await fetchAnew(target, options);
  await store?.put(target.url, bytes);
  throwIfAborted(signal);
  return bytes;
}

/** @throws DownloadError for an invalid address. */
function targetOf(address: string): Target {
  const shown = nameOfAddress(address);
  const absolute = absoluteAddress(address);
  return /^https?:/i.test(absolute)
    ? { ...splitLogin(absolute), shown }
    : { url: absolute, authorization: undefined, shown };
}

/**
 * Resolves an address relative to the page.
 * @throws DownloadError for an invalid address.
 */
export function absoluteAddress(address: string): string {
  // It would resolve to the page itself.
  if (address === "") throw new DownloadError("the address is an empty string; give an address, a file or its bytes");
  try {
    return new URL(address, globalThis.document?.baseURI ?? globalThis.location?.href).href;
  } catch (error) {
    const shown = nameOfAddress(address);
    throw new DownloadError(`${shown}: is not a valid address`, { url: shown }, { cause: error });
  }
}

async function fetchAnew(target: Target, options: FetchOptions): Promise<Uint8Array<ArrayBuffer>> {
  const { shown } = target;
  // `fetch` does not accept signals from other realms or libraries.
  const giveUp = new AbortController();
  const stopListening = onAbort(options.signal, (reason) => giveUp.abort(reason));
  try {
    const answer = await request(target, giveUp.signal);
    const bytes = await readBody(answer, shown, options);
    if (looksLikePage(answer, bytes)) {
      throw new DownloadError(
        `${shown}: the server sent a web page instead of the file (often its "not found" page); check the address`,
        { url: shown, type: answer.headers.get("content-type") },
      );
    }
    return bytes;
  } catch (error) {
    throwIfAborted(options.signal);
    throw error;
  } finally {
    stopListening();
  }
}

async function request({ url, authorization, shown }: Target, signal: AbortSignal): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(url, { signal, ...(authorization === undefined ? {} : { headers: { authorization } }) });
  } catch (error) {
    throw new DownloadError(`${shown}: ${unreachable(url)}`, { url: shown }, { cause: error });
  }
  if (!answer.ok) {
    throw new DownloadError(
      `${shown}: the server answered ${answer.status}${answer.statusText ? ` ${answer.statusText}` : ""}`,
      { url: shown, status: answer.status },
    );
  }
  return answer;
}

/** Possible reasons why an address cannot be fetched: browsers hide the actual one from scripts. */
function unreachable(url: string): string {
  const scheme = schemeOf(url) ?? url.slice(0, url.indexOf(":"));
  switch (scheme) {
    case "http":
    case "https":
      return "cannot be fetched; the server is unreachable, the address is wrong, or the server sends no CORS header (Access-Control-Allow-Origin)";
    case "data":
      return "is not a well-formed data: address, or the page's Content-Security-Policy forbids it (connect-src data:); give the bytes";
    case "blob":
      return "does not name a blob: it was revoked, belongs to another site, or the page's Content-Security-Policy forbids it (connect-src blob:); give the Blob itself";
    case "file":
      return "pages cannot read files by address; give the File from an <input> or a drop";
    default:
      return `pages cannot fetch addresses of the kind ${scheme}:; give http, https, data or blob, a file or its bytes`;
  }
}

/**
 * The length announced by the server; undefined for compressed responses, where it differs from the number of bytes
 * received.
 */
function announced(answer: Response): number | undefined {
  const length = Number(answer.headers.get("content-length") ?? Number.NaN);
  return answer.headers.has("content-encoding") || !Number.isInteger(length) ? undefined : length;
}

async function readBody(answer: Response, shown: string, options: FetchOptions): Promise<Uint8Array<ArrayBuffer>> {
  const { onProgress, maxBytes = MAX_BYTES } = options;
  const total = announced(answer);
  const tooLarge = (bytes: number): DownloadError =>
    new DownloadError(`${shown}: has at least ${bytes} bytes, above the limit of ${maxBytes}`, {
      url: shown,
      bytes,
      maxBytes,
    });
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
    if (error instanceof DownloadError) throw error;
    throw new DownloadError(
      `${shown}: the connection ended after ${loaded} of ${total ?? "an unknown number of"} bytes; try again`,
      { url: shown, loaded, total },
      { cause: error },
    );
  }
  if (loaded === 0) throw new DownloadError(`${shown}: is an empty file`, { url: shown });
  if (total !== undefined && loaded !== total) {
    throw new DownloadError(`${shown}: ${loaded} bytes arrived, ${total} were announced; try again`, {
      url: shown,
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
