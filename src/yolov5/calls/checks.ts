/** Checks for option values, not just their types: JavaScript callers pass on values read from a page or a query. */

import { OptionError } from "../../errors.js";
import { cutText, describeValue } from "../../weights/describe.js";

/** @throws OptionError unless it is a number from 0 to 1. */
export function fraction(value: number, name: string): number {
  if (typeof value !== "number" || !(value >= 0 && value <= 1)) {
    throw new OptionError(`${name} must be between 0 and 1, got ${shown(value)}`, { value });
  }
  return value;
}

/** @throws OptionError unless it is a whole number of at least 1. */
export function count(value: number, name: string): number {
  if (!Number.isInteger(value) || value < 1) {
    throw new OptionError(`${name} must be a whole number of at least 1, got ${shown(value)}`, { value });
  }
  return value;
}

/** @throws OptionError unless it is true or false. */
export function flag(value: boolean, name: string): boolean {
  if (typeof value !== "boolean")
    throw new OptionError(`${name} must be true or false, got ${shown(value)}`, { value });
  return value;
}

/** A value for messages: strings in quotes, so that "0.5" is not mistaken for 0.5. */
export function shown(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(cutText(value)) : describeValue(value);
}
