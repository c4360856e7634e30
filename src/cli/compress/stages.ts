/** Progress of work in stages. */

import type { Output } from "../output.js";
import { steps } from "../val/progress.js";

/** One bar per stage, one at a time. */
export class Stages {
  private current: { name: string; bar: ReturnType<typeof steps> } | undefined;

  constructor(private readonly output: Output) {}

  readonly update = (name: string, done: number, total: number): void => {
    if (this.current?.name !== name) {
      this.stop();
      this.current = { name, bar: steps(this.output, name) };
    }
    this.current.bar.update(done, total);
  };

  stop(): void {
    this.current?.bar.stop();
    this.current = undefined;
  }
}
