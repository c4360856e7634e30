/** Code that is imported when it is called, and what to say if that fails. */

import { DownloadError, UnsupportedError } from "./errors.js";

/** Chunks that could not be fetched: how often each was asked for since, under a new address, and what that gave. */
const failed = new Map<string, { attempts: number; module?: unknown }>();

/**
 * Some browsers, Chromium from 150 on among them, remember for as long as the page lives that an address could not be imported.
 * Whoever asks again gets the chunk from an address that they have not seen, unless a bundler has changed how it is imported.
 * @throws `cause` for a chunk that has failed for the first time; what the import throws.
 */
async function importedAgain(cause: unknown): Promise<unknown> {
  // Chromium's words, then Firefox's; others name no address.
  const url = /(?:Failed to fetch|error loading) dynamically imported module: (\S+)$/.exec(messageOf(cause))?.[1];
  if (url === undefined) throw cause;
  const known = failed.get(url);
  if (!known) {
    failed.set(url, { attempts: 0 });
    throw cause;
  }
  if (known.module === undefined) {
    const address = new URL(url);
    address.searchParams.set("again", String(++known.attempts));
    known.module = await import(/* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ address.href);
  }
  return known.module;
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

/**
 * A chunk that is being imported.
 * @throws UnsupportedError in service workers; DownloadError if the chunk cannot be fetched.
 */
export async function imported<Module>(chunk: Promise<Module>): Promise<Module> {
  try {
    return await chunk.catch((cause: unknown) => importedAgain(cause) as Promise<Module>);
  } catch (cause) {
    if ("ServiceWorkerGlobalScope" in globalThis) {
      throw new UnsupportedError(
        "service workers cannot use import(); import from yolov5-ts/service-worker, or bundle into one file",
      );
    }
    throw new DownloadError(
      `a chunk of yolov5-ts could not be imported (${messageOf(cause)}); host all its chunks, and reload the page if it was updated meanwhile`,
      {},
      { cause },
    );
  }
}
