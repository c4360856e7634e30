/** Packs convolution weights for the micro-kernel: panels of 8 output channels, [panel][tap][k][8]; the last may be 4. */

import { PANEL } from "./gemmTile.js";

export interface Panels {
  /** Panels of eight columns. */
  readonly full: number;
  /** Whether a panel of four columns follows. */
  readonly half: boolean;
}

/** Panels that hold `outputs` columns, padded to a multiple of four. */
export function panelsOf(outputs: number): Panels {
  const fours = Math.ceil(outputs / 4);
  return { full: fours >> 1, half: (fours & 1) === 1 };
}

/** Floats of the packed weights with `depth` rows of K in all. */
export function packedFloats(outputs: number, depth: number): number {
  return Math.ceil(outputs / 4) * 4 * depth;
}

/**
 * The same numbers as words, for code that only moves them. Weights are laid out before anything is optimised, and until then V8
 * puts every float that it reads on its heap.
 */
export const wordsOf = ({ buffer, byteOffset, length }: Float32Array): Int32Array =>
  new Int32Array(buffer, byteOffset, length);

/**
 * Writes packed weights. `row(k)` gives the weights of all outputs at that row of K as [base, stride] into `source`, or
 * undefined for a row of zeros.
 */
export function packPanels(
  target: Float32Array,
  source: Float32Array,
  outputs: number,
  depth: number,
  row: (k: number) => readonly [base: number, stride: number] | undefined,
): void {
  // Looked up once a row, not once a panel: this runs for every weight of a network before anything is optimised.
  const bases = new Int32Array(depth).fill(-1);
  const strides = new Int32Array(depth);
  for (let k = 0; k < depth; k++) {
    const start = row(k);
    if (!start) continue;
    bases[k] = start[0];
    strides[k] = start[1];
  }
  const to = wordsOf(target);
  const from = wordsOf(source);
  const padded = Math.ceil(outputs / 4) * 4;
  for (let first = 0, at = 0; first < padded; first += PANEL) {
    const columns = Math.min(PANEL, padded - first);
    const used = Math.min(columns, outputs - first);
    for (let k = 0; k < depth; k++, at += columns) {
      const stride = strides[k];
      if (bases[k] < 0) {
        to.fill(0, at, at + columns);
        continue;
      }
      let place = bases[k] + first * stride;
      for (let c = 0; c < used; c++, place += stride) to[at + c] = from[place];
      for (let c = used; c < columns; c++) to[at + c] = 0;
    }
  }
}
