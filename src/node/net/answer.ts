/** What a server answers, whichever `fetch` asked it. */

export interface Answer {
  readonly ok: boolean;
  readonly status: number;
  readonly statusText: string;
  readonly headers: { get(name: string): string | null };
  readonly body: (AsyncIterable<Uint8Array> & { cancel(): Promise<void> }) | null;
}

export interface Request {
  readonly answer: Answer;
  /** Gives the connection back, whatever was read; to be called once the body is done with. */
  readonly close: () => Promise<void>;
}

/** What is not read must not keep the connection, and with it the process, open. */
export async function closeBody({ body }: Answer): Promise<void> {
  await body?.cancel().catch(() => undefined);
}
