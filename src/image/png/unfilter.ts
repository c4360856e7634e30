/** Undoing PNG's row filters. Source: PNG (third edition), section 9. */

/**
 * Undoes the filters of `rows` rows that lie in `raw` from `at` on, each a filter byte and `rowBytes` bytes, in place.
 * @param pixelBytes whole bytes of one pixel, at least 1.
 * @returns the number of an unknown filter, or undefined when all is well.
 */
export function unfilter(
  raw: Uint8Array,
  at: number,
  rows: number,
  rowBytes: number,
  pixelBytes: number,
): number | undefined {
  const stride = rowBytes + 1;
  for (let y = 0; y < rows; y++) {
    const start = at + y * stride + 1;
    const end = start + rowBytes;
    // The row above the first is zero.
    const first = y === 0;
    switch (raw[start - 1]) {
      case 0:
        break;
      case 1:
        for (let i = start + pixelBytes; i < end; i++) raw[i] += raw[i - pixelBytes];
        break;
      case 2:
        if (!first) for (let i = start; i < end; i++) raw[i] += raw[i - stride];
        break;
      case 3:
        for (let i = start; i < end; i++) {
          const left = i - start >= pixelBytes ? raw[i - pixelBytes] : 0;
          const up = first ? 0 : raw[i - stride];
          raw[i] += (left + up) >> 1;
        }
        break;
      case 4:
        unfilterPaeth(raw, start, end, stride, pixelBytes, first);
        break;
      default:
        return raw[start - 1];
    }
  }
  return undefined;
}

function unfilterPaeth(
  raw: Uint8Array,
  start: number,
  end: number,
  stride: number,
  pixelBytes: number,
  first: boolean,
): void {
  if (first) {
    // With nothing above, the predictor is the left neighbour.
    for (let i = start + pixelBytes; i < end; i++) raw[i] += raw[i - pixelBytes];
    return;
  }
  const inner = Math.min(start + pixelBytes, end);
  for (let i = start; i < inner; i++) raw[i] += raw[i - stride];
  for (let i = inner; i < end; i++) {
    const left = raw[i - pixelBytes];
    const up = raw[i - stride];
    const corner = raw[i - stride - pixelBytes];
    const toLeft = Math.abs(up - corner);
    const toUp = Math.abs(left - corner);
    const toCorner = Math.abs(left + up - 2 * corner);
    raw[i] += toLeft <= toUp && toLeft <= toCorner ? left : toUp <= toCorner ? up : corner;
  }
}
