/**
 * CCITT's bilevel compressions in TIFF: modified Huffman (2, 32771), group 3 in one and two dimensions (3), group 4 (4).
 * Source: ITU-T T.4 and T.6; TIFF 6.0, sections 10 and 11.
 */

/** Codes of white runs of 0 to 63, then of 64, 128, … 1728. */
const WHITE =
  "00110101 000111 0111 1000 1011 1100 1110 1111 10011 10100 00111 01000 001000 000011 110100 110101 101010 101011 0100111 " +
  "0001100 0001000 0010111 0000011 0000100 0101000 0101011 0010011 0100100 0011000 00000010 00000011 00011010 00011011 " +
  "00010010 00010011 00010100 00010101 00010110 00010111 00101000 00101001 00101010 00101011 00101100 00101101 00000100 " +
  "00000101 00001010 00001011 01010010 01010011 01010100 01010101 00100100 00100101 01011000 01011001 01011010 01011011 " +
  "01001010 01001011 00110010 00110011 00110100 " +
  "11011 10010 010111 0110111 00110110 00110111 01100100 01100101 01101000 01100111 011001100 011001101 011010010 " +
  "011010011 011010100 011010101 011010110 011010111 011011000 011011001 011011010 011011011 010011000 010011001 " +
  "010011010 011000 010011011";
const BLACK =
  "0000110111 010 11 10 011 0011 0010 00011 000101 000100 0000100 0000101 0000111 00000100 00000111 000011000 0000010111 " +
  "0000011000 0000001000 00001100111 00001101000 00001101100 00000110111 00000101000 00000010111 00000011000 000011001010 " +
  "000011001011 000011001100 000011001101 000001101000 000001101001 000001101010 000001101011 000011010010 000011010011 " +
  "000011010100 000011010101 000011010110 000011010111 000001101100 000001101101 000011011010 000011011011 000001010100 " +
  "000001010101 000001010110 000001010111 000001100100 000001100101 000001010010 000001010011 000000100100 000000110111 " +
  "000000111000 000000100111 000000101000 000001011000 000001011001 000000101011 000000101100 000001011010 000001100110 " +
  "000001100111 " +
  "0000001111 000011001000 000011001001 000001011011 000000110011 000000110100 000000110101 0000001101100 0000001101101 " +
  "0000001001010 0000001001011 0000001001100 0000001001101 0000001110010 0000001110011 0000001110100 0000001110101 " +
  "0000001110110 0000001110111 0000001010010 0000001010011 0000001010100 0000001010101 0000001011010 0000001011011 " +
  "0000001100100 0000001100101";
/** For both colours: 1792, 1856, … 2560. */
const LONG =
  "00000001000 00000001100 00000001101 000000010010 000000010011 000000010100 000000010101 000000010110 000000010111 " +
  "000000011100 000000011101 000000011110 000000011111";
/** Vertical modes by the distance of a1 to the right of b1, then pass and horizontal. */
const MODES: readonly (readonly [code: string, mode: number])[] = [
  ["1", 0],
  ["011", 1],
  ["000011", 2],
  ["0000011", 3],
  ["010", -1],
  ["000010", -2],
  ["0000010", -3],
];
const PASS = 10;
const HORIZONTAL = 11;

const CODE_BITS = 13;

/** For each 13-bit prefix: value × 16 + length of the code it begins with, 0 if there is none. */
type CodeTable = Int32Array;

function tableOf(codes: Iterable<readonly [code: string, value: number]>): CodeTable {
  const table = new Int32Array(1 << CODE_BITS);
  for (const [code, value] of codes) {
    const free = CODE_BITS - code.length;
    const first = Number.parseInt(code, 2) << free;
    table.fill(value * 16 + code.length, first, first + (1 << free));
  }
  return table;
}

function runTable(codes: string): CodeTable {
  const own = codes.split(" ").map((code, i) => [code, i < 64 ? i : (i - 63) * 64] as const);
  const long = LONG.split(" ").map((code, i) => [code, 1792 + i * 64] as const);
  return tableOf([...own, ...long]);
}

/** Values are above 0, so that no valid entry is 0. */
const MODE_BIAS = 4;

export interface FaxOptions {
  /** Which of TIFF's compressions. */
  readonly kind: "huffman" | "huffman words" | "group 3" | "group 4";
  /** Group 3: rows may be coded by the one above. */
  readonly twoDimensional: boolean;
}

/** Bits of the packed data; zeros follow its end. */
class Bits {
  position = 0;
  readonly end: number;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.end = bytes.length * 8;
  }

  /** Peeks at the next 13 bits. */
  peek(): number {
    const { bytes } = this;
    const at = this.position >> 3;
    const word = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    return (word >> (24 - CODE_BITS - (this.position & 7))) & ((1 << CODE_BITS) - 1);
  }

  /** Skips the next end-of-line code (eleven or more zeros and a one), if only zeros precede it. */
  endOfLine(): boolean {
    if (this.peek() >> (CODE_BITS - 11) !== 0) return false;
    while (this.position < this.end && this.peek() === 0) this.position += 2;
    while (this.position < this.end && this.peek() >> (CODE_BITS - 1) === 0) this.position++;
    this.position++;
    return true;
  }

  /** The value of the next code; undefined if it is invalid. */
  code(table: CodeTable): number | undefined {
    const entry = table[this.peek()];
    if (entry === 0) return undefined;
    this.position += entry & 15;
    return entry >> 4;
  }
}

class FaxDecoder {
  private readonly bits: Bits;
  private readonly width: number;
  private readonly runs = [runTable(WHITE), runTable(BLACK)] as const;
  private readonly modes = tableOf([
    ...MODES.map(([code, mode]) => [code, mode + MODE_BIAS] as const),
    ["0001", PASS] as const,
    ["001", HORIZONTAL] as const,
  ]);
  /** Positions of colour changes in the row, beginning with white, and in the row above. */
  private row: Int32Array;
  private above: Int32Array;
  private count = 0;

  constructor(bits: Bits, width: number) {
    this.bits = bits;
    this.width = width;
    // Each step adds at most two changes, and advances by a pixel unless its runs are empty.
    this.row = new Int32Array(width * 2 + 8).fill(width);
    this.above = this.row.slice();
  }

  begin(): void {
    [this.row, this.above] = [this.above, this.row];
    this.count = 0;
  }

  private change(x: number): void {
    if (this.count < this.row.length - 4) this.row[this.count++] = Math.max(0, Math.min(x, this.width));
  }

  /** A run of one colour with its make-up codes; undefined for a code that does not exist. */
  private run(color: number): number | undefined {
    for (let total = 0; ; ) {
      const part = this.bits.code(this.runs[color]);
      if (part === undefined) return undefined;
      total += part;
      if (part < 64) return total;
      if (total > this.width + 2560) return undefined;
    }
  }

  /** Decodes a one-dimensional row; false if its data are damaged. */
  plainRow(): boolean {
    for (let x = 0, color = 0, empty = 0; x < this.width; color = 1 - color) {
      const run = this.run(color);
      if (run === undefined) return false;
      empty = run === 0 ? empty + 1 : 0;
      if (empty > 2) return false;
      x += run;
      this.change(x);
    }
    return true;
  }

  /** Decodes a two-dimensional row; false if its data are damaged, undefined at the end of the block. */
  codedRow(): boolean | undefined {
    const { width, above, bits } = this;
    let a0 = -1;
    let color = 0;
    let index = 0;
    while (a0 < width) {
      const mode = bits.code(this.modes);
      if (mode === undefined) return bits.endOfLine() && this.count === 0 ? undefined : false;
      // b1: the first change above that lies right of a0 and goes to the other colour.
      index = Math.max(0, index - 1);
      if ((index & 1) !== color) index++;
      while (above[index] <= a0 && above[index] < width) index += 2;
      const b1 = above[index];
      if (mode === PASS) {
        a0 = above[index + 1];
      } else if (mode === HORIZONTAL) {
        const first = this.run(color);
        const second = this.run(1 - color);
        if (first === undefined || second === undefined || (first + second === 0 && a0 >= 0)) return false;
        const start = Math.max(a0, 0);
        this.change(start + first);
        this.change(start + first + second);
        a0 = start + first + second;
      } else {
        const a1 = b1 + mode - MODE_BIAS;
        if (a1 < Math.max(a0, 0)) return false;
        this.change(a1);
        a0 = a1;
        color = 1 - color;
      }
    }
    return true;
  }

  /** Completes the row and sets its black pixels. */
  finish(out: Uint8Array, at: number): void {
    const { row, width } = this;
    row.fill(width, this.count, Math.min(this.count + 4, row.length));
    for (let i = 0; i < this.count && row[i] < width; i += 2) {
      const end = Math.max(row[i], row[i + 1]);
      for (let x = row[i]; x < end; x++) out[at + (x >> 3)] |= 128 >> (x & 7);
    }
  }
}

/**
 * Unpacks rows of `width` pixels, one bit each, 1 for black, into `out`.
 * @returns the number of intact rows; the others are filled as far as they could be read.
 */
export function unpackFax(packed: Uint8Array, out: Uint8Array, width: number, options: FaxOptions): number {
  const { kind, twoDimensional } = options;
  const rowBytes = Math.ceil(width / 8);
  const rows = Math.floor(out.length / rowBytes);
  const bits = new Bits(packed);
  const decoder = new FaxDecoder(bits, width);
  let sound = 0;
  for (let y = 0; y < rows && bits.position < bits.end; y++) {
    let coded = kind === "group 4";
    if (kind === "huffman") bits.position = (bits.position + 7) & ~7;
    else if (kind === "huffman words") bits.position = (bits.position + 15) & ~15;
    else if (kind === "group 3" && bits.endOfLine() && twoDimensional) {
      coded = bits.peek() >> (CODE_BITS - 1) === 0;
      bits.position++;
    }
    decoder.begin();
    const good = coded ? decoder.codedRow() : decoder.plainRow();
    if (good === undefined) break;
    decoder.finish(out, y * rowBytes);
    if (good) sound++;
    else if (kind === "group 3")
      while (bits.position < bits.end && bits.peek() >> (CODE_BITS - 11) !== 0) bits.position++;
    else break;
  }
  return sound;
}
