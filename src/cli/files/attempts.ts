/** Results written one by one: a failure is reported, and the others are still written. */

import { errorLine, InterruptedError } from "../errors.js";
import type { Output } from "../output.js";

export class Attempts {
  private readonly reported: string[] = [];
  private readonly output: Output;

  constructor(output: Output) {
    this.output = output;
  }

  /** Reasons why results could not be written. */
  get errors(): readonly string[] {
    return this.reported;
  }

  /** @returns whether it succeeded. */
  async of(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (error instanceof InterruptedError) throw error;
      const line = errorLine(error);
      this.reported.push(line);
      this.output.fail(line);
      return false;
    }
  }
}
