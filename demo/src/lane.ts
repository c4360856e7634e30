/** Of overlapping actions of one kind only the newest counts: what an older one brings, or fails with, is dropped. */

export class Lane {
  private controller = new AbortController();

  /** Supersedes the action that runs. @returns aborted as soon as a newer one begins */
  begin(): AbortSignal {
    this.controller.abort();
    this.controller = new AbortController();
    return this.controller.signal;
  }
}

/** What a superseded action throws: what was aborted. Never shown. */
export function superseded(): DOMException {
  return new DOMException("a newer action took its place", "AbortError");
}

export function isSuperseded(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
