/** Downloads with progress, and limits on time and size. */

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
  /** Maximum size of the response in bytes. Default 2 GiB. */
  readonly maxBytes?: number | undefined;
  /** Advice appended to every error message. */
  readonly advice?: string | undefined;
  /** Give up after this long without data, in ms. Default 30,000. */
  readonly stallMs?: number | undefined;
  /** Give up after this long in total, in ms. Default 3,600,000, one hour. */
  readonly totalMs?: number | undefined;
  /** Give up if the average rate over this long is below 1 kB per second, in ms. Default 60,000. */
  readonly slowMs?: number | undefined;
  /** Called with the response's content type before the body is read; if it throws, the download ends. */
  readonly onType?: ((contentType: string) => void) | undefined;
}

const DEFAULT_MAX_BYTES = 2 ** 31;
const HOUR = 3_600_000;
/** Minimum average rate in bytes per millisecond. */
const SLOWEST = 1;
/** Progress is reported in steps of at least this many bytes. */
const STEP = 2 ** 14;

/**
 * @param url may contain user and password; messages show them as `***`.
 * @throws DownloadError with the address, the reason and the advice; the signal's reason if it is aborted.
 */
export async function download(url: string, options: DownloadOptions = {}): Promise<Uint8Array> {
  const { onProgress, signal, advice = "", maxBytes = DEFAULT_MAX_BYTES, onType } = options;
  throwIfAborted(signal);
  const shown = shownAddress(url);
  const fail = (what: string, cause?: unknown): DownloadError =>
    new DownloadError(`${shown}: ${what}${advice ? `; ${advice}` : ""}`, { url: shown }, { cause });
  const patience = new Patience(options);
  // Not `AbortSignal.any`, which, like `fetch`, accepts only signals of Node's own class.
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
    if (total !== undefined && total > maxBytes) throw fail(`${total} bytes exceed the limit of ${maxBytes}`);
    let reported = -STEP;
    for await (const chunk of body) {
      bytes.add(chunk);
      patience.came(bytes.length);
      if (bytes.length > maxBytes) throw fail(`more than ${maxBytes} bytes`);
      if (bytes.length - reported < STEP) continue;
      reported = bytes.length;
      onProgress?.({ loaded: reported, total });
    }
    if (total !== undefined && bytes.length !== total) {
      throw fail(`the connection broke after ${bytes.length} of ${total} bytes`);
    }
    if (reported !== bytes.length) onProgress?.({ loaded: bytes.length, total });
  } catch (error) {
    throwIfAborted(signal);
    if (error instanceof EngineError) throw error;
    if (patience.end !== undefined) throw fail(`${patience.end}${request ? "" : proxyNote(url)}`, error);
    const reason = withoutSecrets(reasonOf(error));
    if (request) {
      const of = total ?? "an unknown number of";
      throw fail(`the connection broke after ${bytes.length} of ${of} bytes (${reason})`, error);
    }
    if (!URL.canParse(url)) throw fail("is not a valid URL", error);
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
    : `${answered}: it requires ${wants.split(/[\s,]/)[0]} authentication, but only Basic is supported`;
}

/** The system's error code, or the innermost message: `fetch` wraps the cause, behind a proxy twice. */
function reasonOf(error: unknown): string {
  const { code, message, cause } = error as { code?: unknown; message?: string; cause?: unknown };
  if (typeof code === "string" && !code.startsWith("UND_ERR")) return code;
  return cause === undefined || cause === null ? (message ?? String(error)) : reasonOf(cause);
}

/** Decides when to give up: no data, too slow, or too long in total. */
class Patience {
  private readonly giveUp = new AbortController();
  private readonly timers: readonly NodeJS.Timeout[];
  private readonly stall: NodeJS.Timeout;
  private loaded = 0;
  private before = 0;
  /** The reason for giving up. */
  end: string | undefined;

  constructor({ stallMs = 30_000, totalMs = HOUR, slowMs = 60_000 }: DownloadOptions) {
    this.stall = setTimeout(() => this.over(`no data for ${stallMs / 1000} s`), stallMs);
    const whole = setTimeout(() => this.over(`not finished after ${totalMs / 1000} s`), totalMs);
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

  /** Aborts the request without recording a reason. */
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
