/**
 * Numbers as keys of dictionaries. V8 hashes numbers without a seed, so a file can hold numbers that all fall into one bucket,
 * where each look-up goes through all before it: 100,000 of them in a megabyte take half a minute. Small whole numbers (class
 * indices, parameters' numbers) are too few to do that; of all others a file may have as many as real ones do.
 */

import { damaged } from "../budget.js";
import type { Value } from "./values.js";

/** Whole numbers below are spread over the buckets, whichever a file picks. */
const SMALL = 2 ** 20;
/** Old optimizers number their state by addresses, one a parameter. */
const MAX_WIDE = 8192;

/** Counts the keys of one file. */
export class NumberKeys {
  private wide = 0;

  /** @throws CheckpointError for more keys that are numbers but no small whole ones than any file has. */
  count(key: Value | undefined): void {
    if (typeof key !== "number" && typeof key !== "bigint") return;
    if (typeof key === "number" && Number.isInteger(key) && key >= 0 && key < SMALL) return;
    if (++this.wide > MAX_WIDE) damaged(`dictionaries with more than ${MAX_WIDE} large numbers as keys`);
  }
}
