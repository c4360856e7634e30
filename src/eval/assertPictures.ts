/** Checks that there are pictures: zeros from an empty set would pass for a measurement. */

import { DatasetError } from "../errors.js";

/**
 * @param usable the number of pictures that are (or were) measured.
 * @param reasons why each of the other pictures is left out.
 * @param name the data set's name, which begins the message.
 * @throws DatasetError if all pictures are left out.
 */
export function assertPictures(usable: number, reasons: readonly string[], name?: string): void {
  if (usable > 0 || reasons.length === 0) return;
  const at = name === undefined ? "" : `${name}: `;
  throw new DatasetError(
    `${at}all ${reasons.length} pictures are left out, so there is nothing to measure; fix them or their labels. The first: ${reasons[0]}`,
    { name, reasons },
  );
}
