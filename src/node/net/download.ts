/** Downloads with progress, limits of time and size, and checksums. */

import { createHash } from "node:crypto";
import { shownAddress, withoutSecrets } from "../../api/address.js";
import type { OnProgress } from "../../api/loadOptions.js";
import { DownloadError, EngineError } from "../../errors.js";
import { onAbort, throwIfAborted } from "../../yolov5/calls/abort.js";
import type { Request } from "./answer.js";
import { ByteCollector } from "./byteCollector.js";
import { openRequest, proxyNote } from "./request.js";

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
  /** Give up after so long in all, in ms. Default 3,600,000: an hour. */
  readonly totalMs?: number | undefined;
  /** Give up when so long brings less than 1 kB a second, in ms. Default 60,000. */
  readonly slowMs?: number | undefined;
  /** Looks at the answer's content type before the body is read; what it throws ends the download. */
  readonly onType?: ((contentType: string) => void) | undefined;
}

const DEFAULT_MAX_BYTES = 2 ** 31;
const HOUR = 3_600_000;
/** Bytes a millisecond, on average, of the slowest server that is waited for. */
const SLOWEST = 1;
/** Progress is told in steps of at least so many bytes. */
const STEP = 2 ** 14;

/**
 * @param url may carry user and password; messages show them as `***`.
 * @throws DownloadError with the address, what happened, and the advice; the signal's reason where it is aborted.
 */
export async function download(url: string, options: DownloadOptions = {}): Promise<Uint8Array> {
  const { onProgress, signal, advice = "", maxBytes = DEFAULT_MAX_BYTES, onType } = options;
  throwIfAborted(signal);
  const shown = shownAddress(url);
  const fail = (what: string, cause?: unknown): DownloadError =>
    new DownloadError(`${shown}: ${what}${advice ? `; ${advice}` : ""}`, { url: shown }, { cause });
  const patience = new Patience(options);
  // Not `AbortSignal.any`, which takes signals of Node's own class only, as `fetch` does.
  const stopListening = onAbort(signal, () => patience.stopWaiting());
  const bytes = new ByteCollector();
  let request: Request | undefined;
  let total: number | undefined;
  try {
    request = await openRequest(url, patience.signal);
    const { ok, status, statusText, headers, body } = request.answer;
    if (!ok || !body) throw fail(refusal(status, statusText, headers.get("www-authenticate")));
    onType?.(headers.get("content-type") ?? "");
    const length = Number(headers.get("content-length") ?? Number.NaN);
    total = Number.isFinite(length) && !headers.get("content-encoding") ? length : undefined;
    if (total !== undefined && total > maxBytes) throw fail(`${total} bytes are more than the ${maxBytes} accepted`);
    let told = -STEP;
    for await (const chunk of body) {
      bytes.add(chunk);
      patience.came(bytes.length);
      if (bytes.length > maxBytes) throw fail(`more than ${maxBytes} bytes`);
      if (bytes.length - told < STEP) continue;
      told = bytes.length;
      onProgress?.({ loaded: told, total });
    }
    if (total !== undefined && bytes.length !== total) {
      throw fail(`the connection broke after ${bytes.length} of ${total} bytes`);
    }
    if (told !== bytes.length) onProgress?.({ loaded: bytes.length, total });
  } catch (error) {
    throwIfAborted(signal);
    if (error instanceof EngineError) throw error;
    if (patience.end !== undefined) throw fail(`${patience.end}${request ? "" : proxyNote(url)}`, error);
    const reason = withoutSecrets(reasonOf(error));
    if (request) {
      const of = total ?? "an unknown number of";
      throw fail(`the connection broke after ${bytes.length} of ${of} bytes (${reason})`, error);
    }
    if (!URL.canParse(url)) throw fail("is no valid URL", error);
    throw fail(`cannot be reached${proxyNote(url)} (${reason})`, error);
  } finally {
    stopListening();
    patience.stop();
    await request?.close();
  }
  return bytes.join();
}

function refusal(status: number, statusText: string, wants: string | null): string {
  const answered = `the server answered ${`${status} ${statusText}`.trim()}`;
  if (status !== 401) return answered;
  const basic = wants === null || /\bbasic\b/i.test(wants);
  return basic
    ? `${answered}; give user and password as in http://user:password@host/…`
    : `${answered}: it wants ${wants.split(/[\s,]/)[0]} authentication, and only Basic is known here`;
}

/** `fetch` wraps what happened, behind a proxy twice: the system's code, or the innermost sentence. */
function reasonOf(error: unknown): string {
  const { code, message, cause } = error as { code?: unknown; message?: string; cause?: unknown };
  if (typeof code === "string" && !code.startsWith("UND_ERR")) return code;
  return cause === undefined || cause === null ? (message ?? String(error)) : reasonOf(cause);
}

/** When to give up: no data, too little, or too long in all. */
class Patience {
  private readonly giveUp = new AbortController();
  private readonly timers: readonly NodeJS.Timeout[];
  private readonly stall: NodeJS.Timeout;
  private loaded = 0;
  private before = 0;
  /** Why it was given up. */
  end: string | undefined;

  constructor({ stallMs = 30_000, totalMs = HOUR, slowMs = 60_000 }: DownloadOptions) {
    this.stall = setTimeout(() => this.over(`no data for ${stallMs / 1000} s`), stallMs);
    const whole = setTimeout(() => this.over(`not done after ${totalMs / 1000} s`), totalMs);
    const pace = setInterval(() => {
      const came = this.loaded - this.before;
      this.before = this.loaded;
      if (came < slowMs * SLOWEST) this.over(`too slow: ${came} bytes in ${slowMs / 1000} s`);
    }, slowMs);
    this.timers = [this.stall, whole, pace];
  }

  get signal(): AbortSignal {
    return this.giveUp.signal;
  }

  came(loaded: number): void {
    this.loaded = loaded;
    this.stall.refresh();
  }

  /** Ends the request without a reason of its own. */
  stopWaiting(): void {
    this.giveUp.abort();
  }

  stop(): void {
    for (const timer of this.timers) clearTimeout(timer);
  }

  private over(why: string): void {
    this.end ??= why;
    this.giveUp.abort();
  }
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
