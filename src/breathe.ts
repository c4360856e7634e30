/** Long work on one thread that lets timers, signals and other calls in between its pieces. */

const AFTER_MS = 50;

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
      await new Promise((resolve) => setTimeout(resolve, 0));
      this.rested = performance.now();
    }
    this.signal?.throwIfAborted();
  }
}
