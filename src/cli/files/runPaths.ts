/**
 * The paths that one run writes: none twice. Names are cut to what file systems take before they are compared, and
 * compared as systems do that do not tell cases or forms of one letter apart.
 */

import { join, resolve } from "node:path";
import { cutToBytes, NAME_BYTES } from "./fileNames.js";

/** Where a file of some stem goes. */
export interface Place {
  readonly folder: string;
  /** With its dot; empty for a folder. */
  readonly ending: string;
}

export class RunPaths {
  private readonly taken = new Set<string>();
  /** The last number that was given to a stem, so that thousands of one name need no search. */
  private readonly numbers = new Map<string, number>();

  /** @param kept paths that the run reads, so that no result replaces them. */
  constructor(kept: readonly string[] = []) {
    for (const path of kept) this.taken.add(pathKey(path));
  }

  /**
   * A stem that is free at every place, which are then taken: the name itself, or numbered.
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

/** As the disk gets it: halves of surrogate pairs all become the same sign. */
function keyOf(path: string): string {
  return Buffer.from(path).toString().normalize("NFC").toUpperCase();
}
