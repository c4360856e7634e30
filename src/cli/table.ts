/** Plain tables with aligned columns. */

import { printable } from "../printable.js";
import { cutText } from "../weights/describe.js";

/** `1 picture`, `2,000 pictures`. */
export const counted = (count: number, what: string): string => `${grouped(count)} ${what}${count === 1 ? "" : "s"}`;

export interface Column {
  readonly title: string;
  /** Numbers are right-aligned. */
  readonly right?: boolean;
}

/** Characters that take two terminal cells: wide East Asian characters and emoji. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|[\u{20000}-\u{3fffd}]/u;
const NO_WIDTH = /^[\p{Mark}\p{Format}]+$/u;

/** Characters segmented at a time: Intl.Segmenter takes quadratic time in the length of its input. */
const PIECE = 256;
/** Maximum characters per cell: more would not fit on any screen. */
const MOST_CHARACTERS = 1024;

/** Printable characters that take one cell each. */
const ASCII = /^[ -~]*$/;

/** Terminal cells that a string takes up. */
export function displayWidth(text: string): number {
  // The rule, and Intl.Segmenter takes a millisecond to make.
  if (ASCII.test(text)) return text.length;
  const segmenter = new Intl.Segmenter();
  let width = 0;
  for (let start = 0; start < text.length; start += PIECE) {
    for (const { segment } of segmenter.segment(text.slice(start, start + PIECE))) {
      if (!NO_WIDTH.test(segment)) width += WIDE.test(segment) ? 2 : 1;
    }
  }
  return width;
}

/** Lines of a table: titles, a rule, rows; columns are two spaces apart. */
export function tableLines(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const cells = rows.map((row) => row.map((cell) => cutText(printable(cell).replace(/\s+/g, " "), MOST_CHARACTERS)));
  const widths = columns.map(({ title }, i) =>
    cells.reduce((most, row) => Math.max(most, displayWidth(row[i] ?? "")), displayWidth(title)),
  );
  const line = (row: readonly string[]): string =>
    columns
      .map(({ right }, i) => {
        const text = row[i] ?? "";
        const fill = " ".repeat(widths[i] - displayWidth(text));
        return right ? fill + text : text + fill;
      })
      .join("  ")
      .trimEnd();
  return [line(columns.map(({ title }) => title)), widths.map((w) => "─".repeat(w)).join("  "), ...cells.map(line)];
}

/** `1867405` → `1,867,405`. */
export function grouped(value: number): string {
  // Not `toLocaleString`: loading its tables is 1.4 % of the work of `detect` for one picture.
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `1.9 MB`, in powers of ten, as disks and networks count. */
export function megabytes(bytes: number): string {
  return bytes < 1e5 ? `${grouped(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
