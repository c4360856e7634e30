/** Bookkeeping of a progressive file's scans: how many bits of each coefficient have come so far. */

/** How far the coefficients of one component are known. */
export interface Accuracy {
  /** Bits still missing of each coefficient in zigzag order; −1 where no scan brought it, 0 where it is exact. */
  readonly missing: Int8Array;
  /** The same before the last scan. */
  readonly before: Int8Array;
}

export function unknownAccuracy(): Accuracy {
  return { missing: new Int8Array(64).fill(-1), before: new Int8Array(64).fill(-1) };
}

/** Notes that a scan of this component begins. */
export function noteScan({ missing, before }: Accuracy, start: number, end: number, low: number, first: boolean): void {
  for (let k = Math.min(start, 1); k <= Math.max(end, 9); k++) before[k] = first ? 0 : missing[k];
  missing.fill(low, start, end + 1);
}
