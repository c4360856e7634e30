/** Serialises overlapping calls of an executable: one at a time, in order. */

export class CallQueue {
  private last: Promise<unknown> = Promise.resolve();

  /** Runs `work` when every earlier call has ended, successfully or not. */
  add<T>(work: () => T | Promise<T>): Promise<T> {
    const turn = this.last.then(work);
    this.last = turn.catch(() => undefined);
    return turn;
  }

  /** Resolves when all calls so far have ended. */
  async idle(): Promise<void> {
    await this.last;
  }
}
