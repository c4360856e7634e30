/** Of overlapping actions of one kind, only the newest counts: results and errors of older ones are dropped. */

export class Lane {
  private controller = new AbortController();

  /** Supersedes the running action. @returns a signal, aborted as soon as a newer action begins. */
  begin(): AbortSignal {
    this.controller.abort();
    this.controller = new AbortController();
    return this.controller.signal;
  }
}

/** Whether an error is that of a superseded action, which is never shown. */
export function superseded(): DOMException {
  return new DOMException("replaced by a newer action", "AbortError");
}

export function isSuperseded(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
