/** The size of blocks, and where the WebAssembly encoder (`scripts/jpeg/encoder.ts`) has its tables in memory, in bytes. */

export const BLOCK_PIXELS = 64;
/** A block of 64 coefficients takes at most 27 bits each, and bytes that are 255 count twice. */
export const MOST_BLOCK_BYTES = BLOCK_PIXELS * 4 * 2;

/** What stands for a component. */
export const COMPONENT = {
  /** The factors of `Quantization`. */
  factors: 0,
  /** `Codes`. */
  dc: 512,
  ac: 1536,
  /** The mean of the block before. */
  previous: 2560,
  bytes: 2576,
} as const;

/** Codes that are on their way. */
export const STATE = {
  /** The last bits, of which `count` are not written. */
  waiting: 0,
  count: 8,
  /** Where the next byte goes. */
  out: 12,
} as const;

export const AT = {
  state: 0,
  coefficients: 16,
  /** Three blocks of int32. */
  samples: 272,
  /** A block of float64. */
  scratch: 1040,
  components: 1552,
  /** Pixels, and behind them what is written. */
  pixels: 9280,
} as const;
