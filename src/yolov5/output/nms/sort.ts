/** Descending, stable order of scores, like `argsort(descending=True, stable=True)`. */

const RADIX_BITS = 11;
const RADIX = 1 << RADIX_BITS;
/** Below this a comparison sort is faster than clearing and scanning three histograms. */
const SMALL = 1024;

/**
 * Indices that sort `scores[0..count)` descending; equal scores keep their order.
 * @param scores non-negative float32 values without NaN (their bit patterns then sort as the values do).
 */
export function sortDescending(scores: Float32Array, count: number = scores.length): Uint32Array {
  const order = new Uint32Array(count);
  for (let i = 0; i < count; i++) order[i] = i;
  if (count < SMALL) return order.sort((a, b) => scores[b] - scores[a] || a - b);

  const bits = new Uint32Array(scores.buffer, scores.byteOffset, count);
  let from = order;
  let to = new Uint32Array(count);
  const starts = new Uint32Array(RADIX);
  for (let shift = 0; shift < 32; shift += RADIX_BITS) {
    starts.fill(0);
    for (let i = 0; i < count; i++) starts[(~bits[i] >>> shift) & (RADIX - 1)]++;
    let sum = 0;
    for (let digit = 0; digit < RADIX; digit++) {
      const n = starts[digit];
      starts[digit] = sum;
      sum += n;
    }
    for (let i = 0; i < count; i++) {
      const index = from[i];
      to[starts[(~bits[index] >>> shift) & (RADIX - 1)]++] = index;
    }
    [from, to] = [to, from];
  }
  return from;
}
