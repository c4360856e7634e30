/** A server's response, whichever `fetch` made the request. */

export interface Answer {
  readonly ok: boolean;
  readonly status: number;
  readonly statusText: string;
  readonly headers: { get(name: string): string | null };
  readonly body: (AsyncIterable<Uint8Array> & { cancel(): Promise<void> }) | null;
}

export interface Request {
  readonly answer: Answer;
  /** Releases the connection, however much was read. Call it when done with the body. */
  readonly close: () => Promise<void>;
}

/** An unread body must not keep the connection, and with it the process, alive. */
export async function closeBody({ body }: Answer): Promise<void> {
  await body?.cancel().catch(() => undefined);
}
