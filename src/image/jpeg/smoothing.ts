/**
 * Block smoothing: if a progressive file is truncated before its fine scans, libjpeg-turbo 2.1, and so OpenCV,
 * estimates the first coefficients of each block from the DC values of the 5 × 5 blocks around it. After ITU-T T.81,
 * section K.8, with libjpeg-turbo's kernels.
 */

import type { Component, Frame } from "./frame.js";

/** Positions in a block of the ten coefficients concerned, in zigzag order. */
const PLACES = [0, 1, 8, 16, 9, 2, 3, 10, 17, 24] as const;

/** Kernels over the 25 DC values, by rows; scaled by 256. */
type Kernel = readonly number[];

/** If no AC coefficients are known: a Gaussian-like fit, which changes the DC too. */
const WIDE: readonly Kernel[] = [
  [-2, -6, -8, -6, -2, -6, 6, 42, 6, -6, -8, 42, 152, 42, -8, -6, 6, 42, 6, -6, -2, -6, -8, -6, -2],
  [-1, -1, 0, 1, 1, -3, 13, 0, -13, 3, -3, 38, 0, -38, 3, -3, 13, 0, -13, 3, -1, -1, 0, 1, 1],
  [-1, -3, -3, -3, -1, -1, 13, 38, 13, -1, 0, 0, 0, 0, 0, 1, -13, -38, -13, 1, 1, 3, 3, 3, 1],
  [0, 0, 1, 0, 0, 0, 2, 7, 2, 0, 0, -5, -14, -5, 0, 0, 2, 7, 2, 0, 0, 0, 1, 0, 0],
  [-1, 0, 0, 0, 1, 0, 9, 0, -9, 0, 0, 0, 0, 0, 0, 0, -9, 0, 9, 0, 1, 0, 0, 0, -1],
  [0, 0, 0, 0, 0, 0, 2, -5, 2, 0, 1, 7, -14, 7, 1, 0, 2, -5, 2, 0, 0, 0, 0, 0, 0],
  [0, 0, 0, 0, 0, 0, 1, 0, -1, 0, 0, 2, 0, -2, 0, 0, 1, 0, -1, 0, 0, 0, 0, 0, 0],
  [0, 0, 0, 0, 0, 0, 1, -3, 1, 0, 0, 0, 0, 0, 0, 0, -1, 3, -1, 0, 0, 0, 0, 0, 0],
  [0, 0, 0, 0, 0, 0, 1, 0, -1, 0, 0, -3, 0, 3, 0, 0, 1, 0, -1, 0, 0, 0, 0, 0, 0],
  [0, 0, 0, 0, 0, 0, 1, 2, 1, 0, 0, 0, 0, 0, 0, 0, -1, -2, -1, 0, 0, 0, 0, 0, 0],
];

/** If some AC coefficients are known: section K.8 on a 5 × 5 window, first five coefficients only; the DC stays. */
const NARROW: readonly Kernel[] = [
  [],
  [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -7, 50, 0, -50, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  [0, 0, -7, 0, 0, 0, 0, 50, 0, 0, 0, 0, 0, 0, 0, 0, 0, -50, 0, 0, 0, 0, 7, 0, 0],
  [0, 0, -1, 0, 0, 0, 0, 13, 0, 0, 0, 0, -24, 0, 0, 0, 0, 13, 0, 0, 0, 0, -1, 0, 0],
  [0, -1, 0, 1, 0, -1, 10, 0, -10, 1, 0, 0, 0, 0, 0, 1, -10, 0, 10, -1, 0, 1, 0, -1, 0],
  [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, 13, -24, 13, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
];

/** Whether libjpeg-turbo would smooth: all DC are known, some of the first AC are not exact. */
export function smoothingHelps(frame: Frame): boolean {
  if (!frame.progressive) return false;
  const usable = frame.components.every(
    ({ quantization, accuracy }) =>
      quantization !== undefined && PLACES.every((p) => quantization[p] !== 0) && accuracy.missing[0] >= 0,
  );
  return usable && frame.components.some(({ accuracy }) => accuracy.missing.subarray(1, 10).some((bits) => bits !== 0));
}

export interface SmoothingContext {
  /** Last row of MCUs with data in the last scan. */
  readonly lastGoodRow: number;
  /** Number of scans started. */
  readonly scans: number;
}

/** Returns a smoothed copy of block (`row`, `column`) of a component; the stored coefficients stay unchanged. */
export type BlockSmoother = (row: number, column: number) => Int16Array;

export function blockSmoother(frame: Frame, component: Component, context: SmoothingContext): BlockSmoother {
  const { coefficients, blockStride, blocksPerRow, blocksPerColumn, v, accuracy } = component;
  const quantization = component.quantization ?? new Uint16Array(64);
  const mcuRows = Math.ceil(frame.height / (frame.maxV * 8));
  const none = new Int8Array(64).fill(-1);
  const block = new Int16Array(64);
  const dc = new Int32Array(25);

  return (row, column) => {
    const mcuRow = Math.floor(row / v);
    const rowInMcu = row - mcuRow * v;
    const rowsHere = mcuRow < mcuRows - 1 ? v : blocksPerColumn % v || v;
    // Libjpeg-turbo reaches two rows away only by whole rows of MCUs, even if an MCU has two rows of blocks.
    const up = row > 0 ? row - 1 : row;
    const upUp = rowInMcu > 1 || mcuRow > 1 ? row - 2 : up;
    const down = rowInMcu < rowsHere - 1 || mcuRow < mcuRows - 1 ? row + 1 : row;
    const downDown = rowInMcu < rowsHere - 2 || mcuRow + 1 < mcuRows - 1 ? row + 2 : down;
    const rows = [upUp, up, row, down, downDown];
    for (let i = 0; i < 25; i++) {
      const x = Math.max(0, Math.min(column + (i % 5) - 2, blocksPerRow - 1));
      dc[i] = coefficients[(rows[Math.floor(i / 5)] * blockStride + x) * 64];
    }
    const earlier = context.scans > 1 ? accuracy.before : none;
    const missing = mcuRow > context.lastGoodRow ? earlier : accuracy.missing;
    const wide = missing.subarray(1, 10).every((bits) => bits === -1);
    const at = (row * blockStride + column) * 64;
    block.set(coefficients.subarray(at, at + 64));
    const kernels = wide ? WIDE : NARROW;
    for (let k = 1; k < kernels.length; k++) {
      const place = PLACES[k];
      if (missing[k] !== 0 && block[place] === 0) {
        block[place] = estimate(kernels[k], dc, quantization[0], quantization[place], missing[k]);
      }
    }
    if (wide) block[0] = estimate(kernels[0], dc, quantization[0], quantization[0], 0);
    return block;
  };
}

/**
 * The kernel's sum in units of the coefficient's quantiser, rounded and limited to what the missing bits could
 * represent.
 */
function estimate(kernel: Kernel, dc: Int32Array, dcStep: number, step: number, missingBits: number): number {
  let sum = 0;
  for (let i = 0; i < 25; i++) sum += kernel[i] * dc[i];
  let size = Math.floor((step * 128 + Math.abs(sum) * dcStep) / (step * 256));
  if (missingBits > 0) size = Math.min(size, (1 << missingBits) - 1);
  return sum >= 0 ? size : -size;
}
