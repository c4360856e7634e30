/** Downloads with progress, a time limit without data, checks, and no half-written files. */

import { createHash } from "node:crypto";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { OnProgress } from "../api/loadOptions.js";
import { DownloadError } from "../errors.js";

export type { OnProgress };

export interface DownloadOptions {
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Largest answer that is accepted, in bytes. Default 2 GiB. */
  readonly maxBytes?: number | undefined;
  /** What to do instead, appended to every message. */
  readonly advice?: string | undefined;
  /** Give up after so long without data, in ms. Default 30,000. */
  readonly stallMs?: number | undefined;
}

const DEFAULT_MAX_BYTES = 2 ** 31;

/** @throws DownloadError with the address, what happened, and the advice. */
export async function download(url: string, options: DownloadOptions = {}): Promise<Uint8Array> {
  const { onProgress, signal, advice = "", maxBytes = DEFAULT_MAX_BYTES, stallMs = 30_000 } = options;
  const fail = (what: string, cause?: unknown): DownloadError =>
    new DownloadError(`${url}: ${what}${advice ? `; ${advice}` : ""}`, { url }, { cause });
  const stall = new AbortController();
  let timer = setTimeout(() => stall.abort(), stallMs);
  const parts: Uint8Array[] = [];
  let loaded = 0;
  let body: ReadableStream<Uint8Array> | null = null;
  let total: number | undefined;
  try {
    const answer = await fetch(url, { signal: signal ? AbortSignal.any([signal, stall.signal]) : stall.signal });
    body = answer.body;
    if (!answer.ok || !body) throw fail(`the server answered ${`${answer.status} ${answer.statusText}`.trim()}`);
    const length = Number(answer.headers.get("content-length") ?? Number.NaN);
    total = Number.isFinite(length) && !answer.headers.get("content-encoding") ? length : undefined;
    if (total !== undefined && total > maxBytes) throw fail(`${total} bytes are more than the ${maxBytes} accepted`);
    for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
      clearTimeout(timer);
      timer = setTimeout(() => stall.abort(), stallMs);
      parts.push(chunk);
      loaded += chunk.length;
      if (loaded > maxBytes) throw fail(`more than ${maxBytes} bytes`);
      onProgress?.({ loaded, total });
    }
    if (total !== undefined && loaded !== total) throw fail(`the connection broke after ${loaded} of ${total} bytes`);
  } catch (error) {
    if (error instanceof DownloadError) {
      // What was not read must not keep the connection, and with it the process, open.
      await body?.cancel().catch(() => undefined);
      throw error;
    }
    if (signal?.aborted) throw fail("the download was cancelled", error);
    if (stall.signal.aborted) throw fail(`no data for ${stallMs / 1000} s`, error);
    const cause = (error as { cause?: { code?: string; message?: string } }).cause;
    const reason = cause?.code ?? cause?.message ?? (error as Error).message;
    if (body)
      throw fail(`the connection broke after ${loaded} of ${total ?? "an unknown number of"} bytes (${reason})`, error);
    throw fail(`cannot be reached (${reason})`, error);
  } finally {
    clearTimeout(timer);
  }
  const bytes = new Uint8Array(loaded);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Writes beside the target, then renames, so that no reader ever sees half a file. */
export async function writeAtomically(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const part = `${path}.${process.pid}.part`;
  try {
    await writeFile(part, bytes);
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}
