/** Options of YOLOv5's scripts without an effect here: noted, or refused if the user would miss results. */

import { UsageError } from "../errors.js";
import type { Output } from "../output.js";

/** An option, its message, and whether the command stops there. */
export type Unavailable<Flags> = readonly [key: keyof Flags & string, text: string, refused?: "refused"];

/** `saveCsv` → `--save-csv`. */
export function optionName(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** @throws UsageError for the first option that is refused. */
export function tellUnavailable<Flags extends object>(
  flags: Flags,
  rows: readonly Unavailable<Flags>[],
  output: Output,
): void {
  for (const [key, text, refused] of rows) {
    const value = flags[key];
    if (value === undefined || value === false) continue;
    const line = `${optionName(key)}${value === true ? "" : ` ${value}`}: ${text}`;
    if (refused) throw new UsageError(line);
    output.warn(line);
  }
}
