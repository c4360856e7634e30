/** Huffman tables of a JPEG. Source: ITU-T T.81, annexes C and F.2.2.3. */

export interface HuffmanTable {
  /** For each 8-bit prefix: length × 256 + symbol of the code it begins with, 0 if the code is longer. */
  readonly lookup: Uint16Array;
  /** Largest code of each length, −1 if there is none. */
  readonly maxCode: Int32Array;
  /** Offset from a code of each length to its index in `symbols`. */
  readonly offset: Int32Array;
  readonly symbols: Uint8Array;
}

/**
 * @param counts codes of length 1 to 16.
 * @param symbols in order of increasing code length.
 * @returns undefined if the code is invalid.
 */
export function buildHuffmanTable(counts: Uint8Array, symbols: Uint8Array): HuffmanTable | undefined {
  const lookup = new Uint16Array(256);
  const maxCode = new Int32Array(18).fill(-1);
  const offset = new Int32Array(18);
  const values = new Uint8Array(256);
  values.set(symbols.subarray(0, 256));
  let code = 0;
  let index = 0;
  for (let length = 1; length <= 16; length++) {
    const count = counts[length - 1];
    offset[length] = index - code;
    for (let i = 0; i < count; i++, code++, index++) {
      if (code >= 1 << length) return undefined;
      if (length <= 8) {
        const first = code << (8 - length);
        lookup.fill((length << 8) | values[index], first, first + (1 << (8 - length)));
      }
    }
    if (count > 0) maxCode[length] = code - 1;
    code <<= 1;
  }
  return { lookup, maxCode, offset, symbols: values };
}

const hex = (digits: string) =>
  Uint8Array.from({ length: digits.length / 2 }, (_, i) => Number.parseInt(digits.slice(i * 2, i * 2 + 2), 16));

/** Symbols of the example AC tables: each digit pair is run and size. */
const AC_LUMINANCE =
  "01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435363738393a" +
  "434445464748494a535455565758595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9" +
  "aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa";
const AC_CHROMINANCE =
  "000102031104052131061241510761711322328108144291a1b1c109233352f0156272d10a162434e125f11718191a262728292a353637383" +
  "93a434445464748494a535455565758595a636465666768696a737475767778797a82838485868788898a92939495969798999aa2a3a4a5a6" +
  "a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa";

export interface TableDefinition {
  /** Codes of length 1 to 16. */
  readonly counts: Uint8Array;
  readonly symbols: Uint8Array;
}

/** T.81's example tables (K.3), which any baseline encoder may use and motion JPEG omits. */
export const STANDARD_DC: readonly TableDefinition[] = [
  { counts: hex("00010501010101010100000000000000"), symbols: hex("000102030405060708090a0b") },
  { counts: hex("00030101010101010101010000000000"), symbols: hex("000102030405060708090a0b") },
];
export const STANDARD_AC: readonly TableDefinition[] = [
  { counts: hex("0002010303020403050504040000017d"), symbols: hex(AC_LUMINANCE) },
  { counts: hex("00020102040403040705040400010277"), symbols: hex(AC_CHROMINANCE) },
];
