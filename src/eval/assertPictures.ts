/** Figures need pictures: zeros of none would pass for a measurement. */

import { DatasetError } from "../errors.js";

/**
 * @param usable pictures that are (or were) measured on.
 * @param reasons why each of the others is left out.
 * @param name of the data set, which begins the message.
 * @throws DatasetError where all are left out.
 */
export function assertPictures(usable: number, reasons: readonly string[], name?: string): void {
  if (usable > 0 || reasons.length === 0) return;
  const at = name === undefined ? "" : `${name}: `;
  throw new DatasetError(
    `${at}all ${reasons.length} pictures are left out, so nothing is left to work on; mend them or their labels. The first: ${reasons[0]}`,
    { name, reasons },
  );
}
