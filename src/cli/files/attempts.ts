/** Results written one by one: what cannot be is told, and the others are written all the same. */

import { errorLine, InterruptedError } from "../errors.js";
import type { Output } from "../output.js";

export class Attempts {
  private readonly told: string[] = [];
  private readonly output: Output;

  constructor(output: Output) {
    this.output = output;
  }

  /** Why results could not be written. */
  get errors(): readonly string[] {
    return this.told;
  }

  /** @returns whether it was done. */
  async of(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (error instanceof InterruptedError) throw error;
      const line = errorLine(error);
      this.told.push(line);
      this.output.fail(line);
      return false;
    }
  }
}
