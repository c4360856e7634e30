/**
 * The forward cosine transform of Arai, Agui and Nakajima in float64, with quantisation: five multiplications for eight
 * values, the rest of the scaling is in the quantisation's factors.
 */

// biome-ignore lint/suspicious/noApproximativeNumericConstant: the digits with which others compute the same files
export const C4 = 0.707106781;
export const C6 = 0.382683433;
/** c2 − c6 and c2 + c6. */
export const LESS = 0.5411961;
export const MORE = 1.306562965;

/** Eight values at `at`, `at + step`, …, in place. */
function transform(data: Float64Array, at: number, step: number): void {
  const a1 = at + step;
  const a2 = a1 + step;
  const a3 = a2 + step;
  const a4 = a3 + step;
  const a5 = a4 + step;
  const a6 = a5 + step;
  const a7 = a6 + step;
  const s0 = data[at] + data[a7];
  const d0 = data[at] - data[a7];
  const s1 = data[a1] + data[a6];
  const d1 = data[a1] - data[a6];
  const s2 = data[a2] + data[a5];
  const d2 = data[a2] - data[a5];
  const s3 = data[a3] + data[a4];
  const d3 = data[a3] - data[a4];
  const outer = s0 + s3;
  const outerLess = s0 - s3;
  const inner = s1 + s2;
  data[at] = outer + inner;
  data[a4] = outer - inner;
  const z1 = (s1 - s2 + outerLess) * C4;
  data[a2] = outerLess + z1;
  data[a6] = outerLess - z1;
  const p = d3 + d2;
  const q = d2 + d1;
  const r = d1 + d0;
  const z5 = (p - r) * C6;
  const z2 = LESS * p + z5;
  const z4 = MORE * r + z5;
  const z3 = q * C4;
  const z11 = d0 + z3;
  const z13 = d0 - z3;
  data[a5] = z13 + z2;
  data[a3] = z13 - z2;
  data[a1] = z11 + z4;
  data[a7] = z11 - z4;
}

/**
 * @param block 8 × 8 samples minus 128, which are lost.
 * @param words the block's memory, of which the second word of each sample has its sign
 * @param factors as in `Quantization`.
 * @param order row-major position of each coefficient.
 * @param out receives the coefficients in that order, rounded, halves away from zero.
 * @returns the position of the last one that is not zero, 0 if there is none.
 */
export function transformBlock(
  block: Float64Array,
  words: Int32Array,
  factors: Float64Array,
  order: Uint8Array,
  out: Int32Array,
): number {
  for (let row = 0; row < 64; row += 8) transform(block, row, 1);
  for (let column = 0; column < 8; column++) transform(block, column, 8);
  // Signs of coefficients are as good as random, so nothing branches on them: all ones for a negative one.
  for (let i = 0; i < 64; i++) {
    const from = order[i];
    const size = (Math.abs(block[from] * factors[from]) + 0.5) | 0;
    const sign = words[2 * from + 1] >> 31;
    out[i] = (size ^ sign) - sign;
  }
  let last = 63;
  while (last > 0 && out[last] === 0) last--;
  return last;
}
