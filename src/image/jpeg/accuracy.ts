/** Tracks a progressive file's scans: how many bits of each coefficient are known so far. */

/** The accuracy of one component's coefficients. */
export interface Accuracy {
  /** Missing bits of each coefficient in zigzag order; −1 if no scan had it, 0 if it is exact. */
  readonly missing: Int8Array;
  /** The same before the last scan. */
  readonly before: Int8Array;
}

export function unknownAccuracy(): Accuracy {
  return { missing: new Int8Array(64).fill(-1), before: new Int8Array(64).fill(-1) };
}

/** Records the start of a scan of this component. */
export function noteScan({ missing, before }: Accuracy, start: number, end: number, low: number, first: boolean): void {
  for (let k = Math.min(start, 1); k <= Math.max(end, 9); k++) before[k] = first ? 0 : missing[k];
  missing.fill(low, start, end + 1);
}
