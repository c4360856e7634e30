/** Limits concurrent work that holds much memory: a few at once, the others in the order of their requests. */

import { onAbort } from "./abort.js";

export interface Turn {
  /** Resolves when it is this one's turn; at once if called again. */
  readonly begin: () => Promise<void>;
  /** Lets the next one begin. Does nothing without a turn. */
  readonly end: () => void;
}

export class Turns {
  private readonly waiting = new Set<() => void>();
  private free: number;

  /** @param most maximum number at once. */
  constructor(most: number) {
    this.free = most;
  }

  /** @param signal ends the wait: `begin` then rejects with its reason and takes no turn. */
  take(signal?: AbortSignal): Turn {
    let begun: Promise<void> | undefined;
    let held = false;
    const begin = (): Promise<void> => {
      begun ??= new Promise((resolve, reject) => {
        const start = (): void => {
          stop();
          held = true;
          resolve();
        };
        const stop = onAbort(signal, (reason) => {
          this.waiting.delete(start);
          reject(reason);
        });
        if (signal?.aborted) return;
        if (this.free === 0) this.waiting.add(start);
        else {
          this.free--;
          start();
        }
      });
      return begun;
    };
    const end = (): void => {
      if (!held) return;
      held = false;
      const [next] = this.waiting;
      if (next) {
        this.waiting.delete(next);
        next();
      } else this.free++;
    };
    return { begin, end };
  }
}
