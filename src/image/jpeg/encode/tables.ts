/** The example tables of the JPEG standard (ITU-T T.81, annex K), and what an encoder derives from them. */

/** Row-major positions of the coefficients of a block in their order in the file. */
export const ZIGZAG = Uint8Array.of(
  ...[
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28,
  ],
  ...[
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47,
    55, 62, 63,
  ],
);

/** Quantisation at quality 50, row-major. */
const LUMINANCE = [
  ...[16, 11, 10, 16, 24, 40, 51, 61],
  ...[12, 12, 14, 19, 26, 58, 60, 55],
  ...[14, 13, 16, 24, 40, 57, 69, 56],
  ...[14, 17, 22, 29, 51, 87, 80, 62],
  ...[18, 22, 37, 56, 68, 109, 103, 77],
  ...[24, 35, 55, 64, 81, 104, 113, 92],
  ...[49, 64, 78, 87, 103, 121, 120, 101],
  ...[72, 92, 95, 98, 112, 100, 103, 99],
];
const CHROMINANCE = [
  ...[17, 18, 24, 47, 99, 99, 99, 99],
  ...[18, 21, 26, 66, 99, 99, 99, 99],
  ...[24, 26, 56, 99, 99, 99, 99, 99],
  ...[47, 66, 99, 99, 99, 99, 99, 99],
  ...new Array<number>(32).fill(99),
];

/** Row-major. */
export interface Quantization {
  readonly steps: Uint8Array;
  /** 1 / (step × what the transform scales this coefficient by). */
  readonly factors: Float64Array;
}

/** The transform of Arai, Agui and Nakajima leaves coefficients scaled by 8 × the product of two of these. */
const SCALES = [1, 1.387039845, 1.306562965, 1.175875602, 1, 0.785694958, 0.5411961, 0.275899379];

/** @param quality 1 to 100, as libjpeg counts it. */
export function quantizations(quality: number): readonly [luminance: Quantization, chrominance: Quantization] {
  const percent = quality < 50 ? Math.floor(5000 / quality) : Math.floor(200 - quality * 2);
  const scaled = (table: readonly number[]): Quantization => {
    const steps = Uint8Array.from(table, (step) => Math.max(1, Math.min(Math.floor((step * percent + 50) / 100), 255)));
    const factors = Float64Array.from(steps, (step, i) => 1 / (step * SCALES[i >> 3] * SCALES[i & 7] * 8));
    return { steps, factors };
  };
  return [scaled(LUMINANCE), scaled(CHROMINANCE)];
}

/** How many codes there are of each length from 1 to 16 bits, and their symbols in ascending order of the codes. */
export interface HuffmanSpec {
  readonly counts: readonly number[];
  readonly symbols: readonly number[];
}

const SIZES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
/** Symbols run × 16 + size that are in the order of their values from a point on. */
const runs = (text: string): number[] => text.split(" ").map((pair) => Number.parseInt(pair, 16));

export const HUFFMAN = {
  luminance: {
    dc: { counts: [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], symbols: SIZES },
    ac: {
      counts: [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d],
      symbols: runs(
        "01 02 03 00 04 11 05 12 21 31 41 06 13 51 61 07 22 71 14 32 81 91 a1 08 23 42 b1 c1 15 52 d1 f0 24 33 62 72 82 " +
          "09 0a 16 17 18 19 1a 25 26 27 28 29 2a 34 35 36 37 38 39 3a 43 44 45 46 47 48 49 4a 53 54 55 56 57 58 59 5a " +
          "63 64 65 66 67 68 69 6a 73 74 75 76 77 78 79 7a 83 84 85 86 87 88 89 8a 92 93 94 95 96 97 98 99 9a a2 a3 a4 " +
          "a5 a6 a7 a8 a9 aa b2 b3 b4 b5 b6 b7 b8 b9 ba c2 c3 c4 c5 c6 c7 c8 c9 ca d2 d3 d4 d5 d6 d7 d8 d9 da e1 e2 e3 " +
          "e4 e5 e6 e7 e8 e9 ea f1 f2 f3 f4 f5 f6 f7 f8 f9 fa",
      ),
    },
  },
  chrominance: {
    dc: { counts: [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0], symbols: SIZES },
    ac: {
      counts: [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77],
      symbols: runs(
        "00 01 02 03 11 04 05 21 31 06 12 41 51 07 61 71 13 22 32 81 08 14 42 91 a1 b1 c1 09 23 33 52 f0 15 62 72 d1 0a " +
          "16 24 34 e1 25 f1 17 18 19 1a 26 27 28 29 2a 35 36 37 38 39 3a 43 44 45 46 47 48 49 4a 53 54 55 56 57 58 59 " +
          "5a 63 64 65 66 67 68 69 6a 73 74 75 76 77 78 79 7a 82 83 84 85 86 87 88 89 8a 92 93 94 95 96 97 98 99 9a a2 " +
          "a3 a4 a5 a6 a7 a8 a9 aa b2 b3 b4 b5 b6 b7 b8 b9 ba c2 c3 c4 c5 c6 c7 c8 c9 ca d2 d3 d4 d5 d6 d7 d8 d9 da e2 " +
          "e3 e4 e5 e6 e7 e8 e9 ea f2 f3 f4 f5 f6 f7 f8 f9 fa",
      ),
    },
  },
} as const satisfies Record<string, Record<"dc" | "ac", HuffmanSpec>>;

/** The code of each symbol: its bits × 32 + their number, at most 16. */
export function huffmanCodes({ counts, symbols }: HuffmanSpec): Uint32Array {
  const codes = new Uint32Array(256);
  let code = 0;
  let next = 0;
  for (const [index, count] of counts.entries()) {
    for (let i = 0; i < count; i++) codes[symbols[next++]] = code++ * 32 + index + 1;
    code *= 2;
  }
  return codes;
}
