/** The limit on what waits in the queues of all models together: pictures, and bytes of requests. */

import { RequestError } from "../requestError.js";

/** Longest `Retry-After`, in seconds. */
const MOST_SECONDS = 60;

export class QueueLimit {
  /** Pictures that may wait. */
  readonly most: number;
  private count = 0;

  constructor(most: number) {
    this.most = most;
  }

  get waiting(): number {
    return this.count;
  }

  /**
   * @param seconds how long the queue takes to empty.
   * @throws RequestError 429 if the queue is full.
   */
  check(seconds: number): void {
    if (this.count < this.most) return;
    throw new RequestError(
      429,
      "queue",
      `the queue is full (${this.most} pictures are waiting); try again later`,
      Math.max(1, Math.min(Math.ceil(seconds), MOST_SECONDS)),
    );
  }

  enter(): void {
    this.count++;
  }

  leave(): void {
    this.count--;
  }
}

/** Bytes of requests that are being read or wait: bodies are counted as they arrive, not by their announced length. */
export class ByteBudget {
  readonly most: number;
  private held = 0;

  constructor(most: number) {
    this.most = most;
  }

  /** @throws RequestError 429 if all requests together are too large. */
  take(bytes: number): void {
    if (this.held + bytes > this.most) {
      throw new RequestError(429, "memory", "too many large requests at once; try again later", 1);
    }
    this.held += bytes;
  }

  give(bytes: number): void {
    this.held -= bytes;
  }
}
