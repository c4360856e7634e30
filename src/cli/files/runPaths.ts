/**
 * The paths that one run writes, each at most once. Names are truncated to what file systems allow before they are
 * compared. The comparison ignores case and Unicode normalisation, as some file systems do.
 */

import { join, resolve } from "node:path";
import { cutToBytes, NAME_BYTES } from "./fileNames.js";

/** Where a file with a given stem goes. */
export interface Place {
  readonly folder: string;
  /** With the dot; empty for a folder. */
  readonly ending: string;
}

export class RunPaths {
  private readonly taken = new Set<string>();
  /** The last number used for a stem, so that thousands of files with one name need no search. */
  private readonly numbers = new Map<string, number>();

  /** @param kept paths that the run reads and must not replace. */
  constructor(kept: readonly string[] = []) {
    for (const path of kept) this.taken.add(pathKey(path));
  }

  /**
   * Claims a stem that is free at every place: the name itself, or the name with a number.
   * @param separator between name and number: `a_2`.
   */
  claim(name: string, places: readonly Place[], separator = "_"): string {
    const most = NAME_BYTES - Math.max(0, ...places.map(({ ending }) => Buffer.byteLength(ending)));
    const start = keyOf(`${places.map(({ folder, ending }) => join(folder, ending)).join("\n")}\n${separator}${name}`);
    for (let n = this.numbers.get(start) ?? 1; ; n++) {
      const suffix = n === 1 ? "" : `${separator}${n}`;
      const stem = cutToBytes(name, most - suffix.length) + suffix;
      const keys = places.map(({ folder, ending }) => pathKey(join(folder, stem + ending)));
      if (keys.some((key) => this.taken.has(key))) continue;
      for (const key of keys) this.taken.add(key);
      this.numbers.set(start, n + 1);
      return stem;
    }
  }

  /** One file: its whole path. */
  claimFile(folder: string, name: string, ending: string, separator = "_"): string {
    return join(folder, this.claim(name, [{ folder, ending }], separator) + ending);
  }
}

const pathKey = (path: string): string => keyOf(resolve(path));

/** As written to disk: every lone surrogate becomes the same character. */
function keyOf(path: string): string {
  return Buffer.from(path).toString().normalize("NFC").toUpperCase();
}
