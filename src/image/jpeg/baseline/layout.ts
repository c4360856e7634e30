/** Where the WebAssembly decoder (`scripts/jpeg/decoder.ts`) has its tables in memory, in bytes. */

/** Samples of a block's side. */
export const SIDE = 8;

/** Codes up to this many bits are found in one step. */
export const LOOKUP_BITS = 10;

/** A Huffman table: see `HuffmanTable`, and `lookupEntry` for what `lookup` holds. */
export const TABLE = {
  lookup: 0,
  maxCode: 4096,
  offset: 4168,
  symbols: 4240,
  bytes: 4496,
} as const;

/** A component of the picture. */
export const COMPONENT = {
  dcTable: 0,
  acTable: 4,
  /** Where the next block's samples go, and how far that is from one MCU to the next. */
  to: 8,
  step: 12,
  /** Bytes of a row of samples. */
  stride: 16,
  lastDc: 20,
  /** Where the samples of the first MCU go, in even and in odd rows of MCUs. */
  even: 24,
  odd: 28,
  /** 64 uint16, by rows. */
  quantization: 32,
  bytes: 160,
} as const;

/** A block of an MCU: its component, and where it lies from the MCU's first sample. */
export const BLOCK = { component: 0, offset: 4, bytes: 8 } as const;

export const STATE = {
  /** Bits that were read, the next one on top, of which `count` count. */
  bits: 0,
  count: 8,
  /** The next byte to read, and the end of the data. */
  next: 12,
  end: 16,
  /** How many blocks an MCU has. */
  blocks: 20,
  /** What `unstuff` has read and written. */
  read: 24,
  written: 28,
} as const;

/** What rows of samples become pixels with. */
export const FRAME = {
  width: 0,
  /** For each component: its rows, of which `mask` + 1 are kept; the last row; the bytes of a row. */
  planes: 4,
  /** For chroma of half the width: samples of a row, and whether it has half the height too. */
  chromaWidth: 52,
  tall: 56,
  /** Two rows of sums, one for each chroma. */
  sums: 60,
} as const;
export const PLANE = { rows: 0, mask: 4, last: 8, stride: 12, bytes: 16 } as const;

export const AT = {
  state: 0,
  frame: 32,
  blocks: 128,
  /** 64 int16, by rows. */
  coefficients: 192,
  /** Offset in `coefficients` of each position in the file, and of those that a run past the end may name. */
  order: 320,
  components: 400,
  tables: 880,
  /** Six tables. */
  samples: 27856,
} as const;

/** What may be read behind data, samples and sums; and written behind a row of pixels. */
export const OVERHANG = 64;
/** How far a damaged MCU may read past the end of the data before it is noticed. */
export const OVERRUN = 2048;
