/** Turns for work that holds much memory: a few at once, the others in the order in which they ask. */

export interface Turn {
  /** Settles when it is this one's turn; asked for again, at once. */
  readonly begin: () => Promise<void>;
  /** Lets the next one begin. Without a turn it does nothing. */
  readonly end: () => void;
}

export class Turns {
  private readonly waiting: (() => void)[] = [];
  private free: number;

  /** @param most how many may be under way at once */
  constructor(most: number) {
    this.free = most;
  }

  take(): Turn {
    let begun: Promise<void> | undefined;
    const begin = (): Promise<void> => {
      begun ??= this.free > 0 ? this.start() : new Promise((resolve) => this.waiting.push(resolve));
      return begun;
    };
    const end = (): void => {
      if (!begun) return;
      const next = this.waiting.shift();
      if (next) next();
      else this.free++;
    };
    return { begin, end };
  }

  private async start(): Promise<void> {
    this.free--;
  }
}
