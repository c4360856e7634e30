/** Parsers for option values. A value they refuse is wrong usage (exit code 2). */

import { InvalidArgumentError } from "commander";

function number(text: string): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (!Number.isFinite(value)) throw new InvalidArgumentError("It is not a number.");
  return value;
}

/** 0 to 1. */
export function fraction(text: string): number {
  const value = number(text);
  if (value < 0 || value > 1) throw new InvalidArgumentError("It must be between 0 and 1.");
  return value;
}

/** 0 to 1, or N:M: N of M numbers are kept. */
export function sparsity(text: string): number | { readonly keep: number; readonly of: number } {
  const [, keep, of] = (/^(\d{1,4}):(\d{1,4})$/.exec(text) ?? []).map(Number);
  if (keep === undefined || of === undefined) return fraction(text);
  if (keep < 1 || keep >= of) throw new InvalidArgumentError("It must keep some of each group, as 2:4 does.");
  return { keep, of };
}

/** `1x4`: two whole numbers above 0. */
export function blockSize(text: string): readonly [number, number] {
  const [, first, second] = (/^(\d{1,4})[x×](\d{1,4})$/.exec(text) ?? []).map(Number);
  if (!first || !second) throw new InvalidArgumentError("It must be two whole numbers above 0, such as 1x4.");
  return [first, second];
}

export function positive(text: string): number {
  const value = number(text);
  if (!(value > 0)) throw new InvalidArgumentError("It must be above 0.");
  return value;
}

/**
 * A whole number from `least` to `most`. The default limit is far above any sensible value and below where counting
 * breaks.
 */
export function whole(least: number, most = 1e9): (text: string) => number {
  return (text) => {
    const value = number(text);
    if (!Number.isInteger(value) || value < least) {
      throw new InvalidArgumentError(`It must be a whole number of at least ${least}.`);
    }
    if (value > most) throw new InvalidArgumentError(`It must be at most ${most}.`);
    return value;
  };
}

/** Pictures per forward pass. */
export const batchSize = whole(1, 4096);

/** 50 to 100. */
export function percentile(text: string): number {
  const value = number(text);
  if (value < 50 || value > 100) throw new InvalidArgumentError("It must be between 50 and 100.");
  return value;
}

/** Collects the values of a variadic option. */
export function list<T>(parse: (text: string) => T): (text: string, previous: readonly T[] | undefined) => T[] {
  return (text, previous) => [...(previous ?? []), parse(text)];
}

/** `0 2` or `0,2`. */
export function classList(text: string, previous: readonly number[] | undefined): number[] {
  return [...(previous ?? []), ...text.split(",").map(whole(0))];
}

/** Sides of the input; more than two are refused when the command starts. */
export function imageSize(text: string, previous: readonly number[] | undefined): number[] {
  const sizes = [...(previous ?? []), whole(1)(text)];
  if (sizes.length > 2) throw new InvalidArgumentError("Give one size, or height and width.");
  if (sizes.some((size) => size > 16384)) throw new InvalidArgumentError("It must be at most 16384 pixels.");
  return sizes;
}

/** `[640]` → `[640, 640]`. */
export function heightWidth(sizes: readonly number[] | undefined): readonly [number, number] | undefined {
  if (sizes === undefined) return undefined;
  return [sizes[0], sizes[1] ?? sizes[0]];
}
