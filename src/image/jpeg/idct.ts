/**
 * The accurate integer inverse DCT of libjpeg-turbo ("islow"), bit for bit: after Loeffler, Ligtenberg and Moschytz,
 * "Practical fast 1-D DCT algorithms with 11 multiplications" (1989), constants of 13 bits. Damaged files have
 * out-of-range coefficients; for those the 16-bit wrapping and saturation of the vector code (SSE2, AVX2) is
 * reproduced too, since that is what OpenCV's users run.
 */

/** In units of 1/8192. */
export const FIX_0_298 = 2446;
export const FIX_0_390 = 3196;
export const FIX_0_541 = 4433;
export const FIX_0_765 = 6270;
export const FIX_0_899 = 7373;
export const FIX_1_175 = 9633;
export const FIX_1_501 = 12299;
export const FIX_1_847 = 15137;
export const FIX_1_961 = 16069;
export const FIX_2_053 = 16819;
export const FIX_2_562 = 20995;
export const FIX_3_072 = 25172;

/** Wraps to 16 bits, like a vector register. */
function wrap16(value: number): number {
  return (value << 16) >> 16;
}

/** `packssdw` of a descaled sum. */
function saturate16(value: number): number {
  return Math.max(-32768, Math.min(value, 32767));
}

/** One pass over a column or row: reads with `step`, adds `round` and shifts by `shift`. */
function pass(data: Int32Array, at: number, step: number, round: number, shift: number): void {
  const s0 = data[at];
  const s1 = data[at + step];
  const s2 = data[at + 2 * step];
  const s3 = data[at + 3 * step];
  const s4 = data[at + 4 * step];
  const s5 = data[at + 5 * step];
  const s6 = data[at + 6 * step];
  const s7 = data[at + 7 * step];

  const e2 = (Math.imul(s2, FIX_0_541) + Math.imul(s6, FIX_0_541 - FIX_1_847)) | 0;
  const e3 = (Math.imul(s2, FIX_0_541 + FIX_0_765) + Math.imul(s6, FIX_0_541)) | 0;
  const e0 = (wrap16(s0 + s4) << 13) + round;
  const e1 = (wrap16(s0 - s4) << 13) + round;
  const a0 = (e0 + e3) | 0;
  const a3 = (e0 - e3) | 0;
  const a1 = (e1 + e2) | 0;
  const a2 = (e1 - e2) | 0;

  const s73 = wrap16(s7 + s3);
  const s51 = wrap16(s5 + s1);
  const z3 = Math.imul(s73, FIX_1_175 - FIX_1_961) + Math.imul(s51, FIX_1_175);
  const z4 = Math.imul(s73, FIX_1_175) + Math.imul(s51, FIX_1_175 - FIX_0_390);
  const o0 = (Math.imul(s7, FIX_0_298 - FIX_0_899) - Math.imul(s1, FIX_0_899) + z3) | 0;
  const o3 = (Math.imul(s1, FIX_1_501 - FIX_0_899) - Math.imul(s7, FIX_0_899) + z4) | 0;
  const o1 = (Math.imul(s5, FIX_2_053 - FIX_2_562) - Math.imul(s3, FIX_2_562) + z4) | 0;
  const o2 = (Math.imul(s3, FIX_3_072 - FIX_2_562) - Math.imul(s5, FIX_2_562) + z3) | 0;

  data[at] = saturate16((a0 + o3) >> shift);
  data[at + 7 * step] = saturate16((a0 - o3) >> shift);
  data[at + step] = saturate16((a1 + o2) >> shift);
  data[at + 6 * step] = saturate16((a1 - o2) >> shift);
  data[at + 2 * step] = saturate16((a2 + o1) >> shift);
  data[at + 5 * step] = saturate16((a2 - o1) >> shift);
  data[at + 3 * step] = saturate16((a3 + o0) >> shift);
  data[at + 4 * step] = saturate16((a3 - o0) >> shift);
}

/** For blocks with only the first row of coefficients: the column pass is then a shift, in 16 bits. */
function flatColumns(workspace: Int32Array): void {
  for (let x = 0; x < 8; x++) {
    const level = wrap16(workspace[x] << 2);
    for (let y = 0; y < 8; y++) workspace[y * 8 + x] = level;
  }
}

/**
 * Dequantises and transforms one block and writes its 8 × 8 samples.
 * @param workspace 64 numbers, overwritten.
 */
export function inverseDct(
  coefficients: Int16Array,
  at: number,
  quantization: Uint16Array,
  workspace: Int32Array,
  out: Uint8Array,
  start: number,
  stride: number,
): void {
  let firstRow = 0;
  let others = 0;
  for (let i = 1; i < 8; i++) firstRow |= coefficients[at + i];
  for (let i = 8; i < 64; i++) others |= coefficients[at + i];
  if (firstRow === 0 && others === 0) {
    flatBlock(coefficients[at], quantization[0], out, start, stride);
    return;
  }
  if (others === 0) {
    for (let x = 0; x < 8; x++) workspace[x] = wrap16(Math.imul(coefficients[at + x], quantization[x]));
    flatColumns(workspace);
  } else {
    for (let x = 0; x < 8; x++) column(coefficients, at + x, quantization, workspace, x);
  }
  for (let y = 0; y < 8; y++) row(workspace, y * 8, out, start + y * stride);
}

/** A block with only its first coefficient. */
export function flatBlock(first: number, quantization: number, out: Uint8Array, start: number, stride: number): void {
  const dc = wrap16(wrap16(Math.imul(first, quantization)) << 2);
  const level = Math.max(-128, Math.min((dc + 16) >> 5, 127)) + 128;
  for (let y = 0; y < 8; y++) fillEight(out, start + y * stride, level);
}

/** In most columns only the first value is nonzero. */
function column(
  coefficients: Int16Array,
  at: number,
  quantization: Uint16Array,
  workspace: Int32Array,
  x: number,
): void {
  let others = 0;
  for (let i = 8; i < 64; i += 8) others |= coefficients[at + i];
  if (others === 0) {
    const level = saturate16(wrap16(Math.imul(coefficients[at], quantization[x])) << 2);
    for (let i = x; i < 64; i += 8) workspace[i] = level;
    return;
  }
  for (let i = 0; i < 64; i += 8) {
    workspace[x + i] = wrap16(Math.imul(coefficients[at + i], quantization[x + i]));
  }
  pass(workspace, x, 8, 1 << 10, 11);
}

function row(workspace: Int32Array, at: number, out: Uint8Array, to: number): void {
  let others = 0;
  for (let i = 1; i < 8; i++) others |= workspace[at + i];
  if (others === 0) {
    fillEight(out, to, Math.max(-128, Math.min((workspace[at] + 16) >> 5, 127)) + 128);
    return;
  }
  pass(workspace, at, 1, 1 << 17, 18);
  for (let x = 0; x < 8; x++) out[to + x] = Math.max(-128, Math.min(workspace[at + x], 127)) + 128;
}

/** Faster than `out.fill` for eight bytes. */
function fillEight(out: Uint8Array, at: number, value: number): void {
  out[at] = value;
  out[at + 1] = value;
  out[at + 2] = value;
  out[at + 3] = value;
  out[at + 4] = value;
  out[at + 5] = value;
  out[at + 6] = value;
  out[at + 7] = value;
}
