/** Overlapping calls of an executable: one at a time, in their order. */

export class CallQueue {
  private last: Promise<unknown> = Promise.resolve();

  /** Runs `work` when every call before it has ended, well or not. */
  add<T>(work: () => T | Promise<T>): Promise<T> {
    const turn = this.last.then(work);
    this.last = turn.catch(() => undefined);
    return turn;
  }

  /** Settles when the calls so far have ended. */
  async idle(): Promise<void> {
    await this.last;
  }
}
