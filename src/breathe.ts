/** Long work on one thread that yields to timers, signals and other calls between its pieces. */

/** Interval between pauses: long enough to cost nothing, short enough to stay responsive. */
const AFTER_MS = 50;

/** Work that yields after each piece, so that its caller decides when to continue. */
export type Pieces<T> = Generator<undefined, T, undefined>;

export class Breather {
  private readonly signal: AbortSignal | undefined;
  private rested = performance.now();

  constructor(signal?: AbortSignal) {
    this.signal = signal;
  }

  /**
   * Called after each piece of work; pauses only if the last pause was a while ago.
   * @throws the signal's reason once it is aborted.
   */
  async rest(): Promise<void> {
    if (performance.now() - this.rested > AFTER_MS) {
      await turnOfLoop();
      this.rested = performance.now();
    }
    this.signal?.throwIfAborted();
  }

  /**
   * Runs work in pieces, with pauses in between, and returns its result.
   * @throws what the work throws; the signal's reason once it is aborted.
   */
  async through<T>(pieces: Pieces<T>): Promise<T> {
    for (;;) {
      const { done, value } = pieces.next();
      if (done) return value;
      await this.rest();
    }
  }
}

/** Runs work in pieces without pauses, for synchronous callers. */
export function atOnce<T>(pieces: Pieces<T>): T {
  for (;;) {
    const { done, value } = pieces.next();
    if (done) return value;
  }
}

/** One turn of the event loop. Avoids timers if possible: browsers throttle them in hidden pages. */
function turnOfLoop(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === "function") setImmediate(resolve);
    else if (typeof MessageChannel === "function") {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(undefined);
    } else setTimeout(resolve, 0);
  });
}
