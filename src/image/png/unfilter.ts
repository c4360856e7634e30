/** Undoing PNG's row filters. Source: PNG (third edition), section 9. */

/**
 * Undoes the filters of `rows` rows in `raw`, starting at `at`, in place. Each row is a filter byte and `rowBytes`
 * bytes.
 * @param pixelBytes whole bytes of one pixel, at least 1.
 * @param lanes bytes of a pixel that are needed. Filters never mix them, so the others (alpha, the lower half of 16 bits)
 *   stay as they are.
 * @returns the number of an unknown filter, or undefined on success.
 */
export function unfilter(
  raw: Uint8Array,
  at: number,
  rows: number,
  rowBytes: number,
  pixelBytes: number,
  lanes: readonly number[],
): number | undefined {
  const stride = rowBytes + 1;
  for (let y = 0; y < rows; y++) {
    const start = at + y * stride + 1;
    const end = start + rowBytes;
    const filter = raw[start - 1];
    if (filter > 4) return filter;
    const undo = (y === 0 ? UNDO_FIRST : UNDO)[filter];
    if (undo) for (const lane of lanes) undo(raw, start + lane, end, pixelBytes, stride);
  }
  return undefined;
}

/** Undoes one lane of a row whose first byte is at `i`. */
type Undo = (raw: Uint8Array, i: number, end: number, step: number, stride: number) => void;

const undoLeft: Undo = (raw, i, end, step) => {
  for (let left = 0; i < end; i += step) {
    left = (raw[i] + left) & 255;
    raw[i] = left;
  }
};

const undoUp: Undo = (raw, i, end, step, stride) => {
  for (; i < end; i += step) raw[i] += raw[i - stride];
};

const undoAverage: Undo = (raw, i, end, step, stride) => {
  for (let left = 0; i < end; i += step) {
    left = (raw[i] + ((left + raw[i - stride]) >> 1)) & 255;
    raw[i] = left;
  }
};

/** The average with a row of zeros. */
const undoHalfLeft: Undo = (raw, i, end, step) => {
  for (let left = 0; i < end; i += step) {
    left = (raw[i] + (left >> 1)) & 255;
    raw[i] = left;
  }
};

const undoPaeth: Undo = (raw, i, end, step, stride) => {
  for (let left = 0, corner = 0; i < end; i += step) {
    const up = raw[i - stride];
    // The neighbour closest to left + up − corner.
    const fromCorner = up - corner;
    const leftFromCorner = left - corner;
    const toLeft = Math.abs(fromCorner);
    const toUp = Math.abs(leftFromCorner);
    const toCorner = Math.abs(fromCorner + leftFromCorner);
    const nearest = toLeft <= toUp && toLeft <= toCorner ? left : toUp <= toCorner ? up : corner;
    left = (raw[i] + nearest) & 255;
    raw[i] = left;
    corner = up;
  }
};

/** By filter number. */
const UNDO: readonly (Undo | undefined)[] = [undefined, undoLeft, undoUp, undoAverage, undoPaeth];
/** The row above the first is zero: nothing is above, and Paeth's predictor is the left neighbour. */
const UNDO_FIRST: readonly (Undo | undefined)[] = [undefined, undoLeft, undefined, undoHalfLeft, undoLeft];
