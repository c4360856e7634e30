/** Long work on one thread that lets timers, signals and other calls in between its pieces. */

/** Waited for so rarely that it costs nothing, and so often that nobody notices. */
const AFTER_MS = 50;

/** Work that stops after each of its pieces, for whoever runs it to say when it goes on. */
export type Pieces<T> = Generator<undefined, T, undefined>;

export class Breather {
  private readonly signal: AbortSignal | undefined;
  private rested = performance.now();

  constructor(signal?: AbortSignal) {
    this.signal = signal;
  }

  /**
   * After each piece of work; waits only where the last wait is a while ago.
   * @throws the signal's reason, once it is aborted.
   */
  async rest(): Promise<void> {
    if (performance.now() - this.rested > AFTER_MS) {
      await turnOfLoop();
      this.rested = performance.now();
    }
    this.signal?.throwIfAborted();
  }

  /**
   * The result of work in pieces, with rests in between.
   * @throws what the work throws; the signal's reason, once it is aborted.
   */
  async through<T>(pieces: Pieces<T>): Promise<T> {
    for (;;) {
      const { done, value } = pieces.next();
      if (done) return value;
      await this.rest();
    }
  }
}

/** The result of work in pieces, without a rest: for callers that cannot wait. */
export function atOnce<T>(pieces: Pieces<T>): T {
  for (;;) {
    const { done, value } = pieces.next();
    if (done) return value;
  }
}

/** One turn of the event loop. No timer where there is another way: browsers hold those of hidden pages back. */
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
