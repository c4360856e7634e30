/**
 * When to start waiting for the device. While a map is pending, Dawn in Node polls without pause and takes a whole CPU
 * core; on an adapter that is emulated on the CPU that core is then missing where the work is done. So the wait starts
 * only shortly before the work should be done, after what the fastest recent run took.
 */

/** Share of the expected time that passes before polling starts. */
const SHARE = 0.92;
/** By how much a slower run lets the expectation grow. */
const GROWTH = 1.1;
/** Timers are no finer than this. */
const LEAST_MS = 4;

export class Pace {
  private expectedMs = 0;

  /** Yields for most of the time that the device is expected to need. */
  async rest(): Promise<void> {
    const ms = this.expectedMs * SHARE;
    if (ms >= LEAST_MS) await new Promise((resolve) => setTimeout(resolve, ms));
  }

  learn(ms: number): void {
    this.expectedMs = this.expectedMs === 0 ? ms : Math.min(ms, this.expectedMs * GROWTH);
  }
}
