/** The entropy-coded bytes of a JPEG file, and what stands around them. */

/** Codes of symbols: their bits × 32 + their number. */
export interface Codes {
  readonly dc: Uint32Array;
  readonly ac: Uint32Array;
}

/** Position of the last value of a block. */
const LAST = 63;
/** Most zeros before a value that one code has. */
const MOST_RUN = 15;

export class BitWriter {
  private bytes: Uint8Array;
  private length = 0;
  /** Bits that do not fill a byte yet. */
  private pending = 0;
  private count = 0;

  /** @param expected bytes; more are allocated where they are needed. */
  constructor(expected: number) {
    this.bytes = new Uint8Array(expected);
  }

  /** Makes room for so many bytes: `put` does not look. */
  reserve(bytes: number): void {
    if (this.length + bytes <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(2 * this.bytes.length, this.length + bytes));
    larger.set(this.bytes);
    this.bytes = larger;
  }

  /** Whole bytes, as they are. */
  raw(values: ArrayLike<number>): void {
    this.reserve(values.length);
    this.bytes.set(values, this.length);
    this.length += values.length;
  }

  /**
   * A block's values: the difference of its mean, then each that is not zero with the number of zeros before it. One loop over local
   * variables, because a file is little else.
   * @param values in the order of the file; the first is not read.
   * @param last the last one that is not zero, 0 if there is none.
   */
  block(values: Int32Array, last: number, difference: number, { dc, ac }: Codes): void {
    const { bytes } = this;
    let { length, pending, count } = this;
    let codes = dc;
    let run = 0;
    let value = difference;
    let next = 1;
    for (let end = false; ; ) {
      // The code for the run and the number of the value's bits, then these bits; of negative values minus 1.
      const size = 32 - Math.clz32(value < 0 ? -value : value);
      const code = codes[(run << 4) + size];
      let word = ((code >> 5) << size) | (value < 0 ? value + (1 << size) - 1 : value);
      let bits = (code & 31) + size;
      for (;;) {
        // At most 26 bits, and up to seven wait: more than a word has.
        const later = bits > 24 ? bits - 16 : 0;
        pending = (pending << (bits - later)) | (word >> later);
        count += bits - later;
        while (count >= 8) {
          count -= 8;
          const byte = (pending >> count) & 255;
          bytes[length++] = byte;
          // A zero byte follows each 255, which would begin a marker.
          if (byte === 255) bytes[length++] = 0;
        }
        pending &= (1 << count) - 1;
        if (later === 0) break;
        word &= (1 << later) - 1;
        bits = later;
      }
      if (end) break;
      codes = ac;
      if (next > last) {
        if (last === LAST) break;
        // The code for no further values.
        end = true;
        run = 0;
        value = 0;
        continue;
      }
      let at = next;
      while (values[at] === 0) at++;
      if (at - next > MOST_RUN) {
        // The code for sixteen zeros.
        run = MOST_RUN;
        value = 0;
        next += MOST_RUN + 1;
      } else {
        run = at - next;
        value = values[at];
        next = at + 1;
      }
    }
    this.length = length;
    this.pending = pending;
    this.count = count;
  }

  /** Whole bytes that end in `count` bits of `pending`, fewer than 32, which follow. */
  bits(pending: number, count: number): void {
    this.reserve(8);
    for (let left = count; left > 0; left -= 8) {
      const taken = Math.min(8, left);
      const byte = (pending >>> (left - taken)) & ((1 << taken) - 1);
      if (taken < 8) {
        this.pending = byte;
        this.count = taken;
        return;
      }
      this.bytes[this.length++] = byte;
      if (byte === 255) this.bytes[this.length++] = 0;
    }
  }

  /** Fills the last byte with ones. */
  flush(): void {
    this.reserve(4);
    const missing = 8 - this.count;
    const byte = (this.pending << missing) | ((1 << missing) - 1);
    // Nothing waits: a byte of ones, as if it did.
    this.bytes[this.length++] = byte;
    if (byte === 255) this.bytes[this.length++] = 0;
    this.pending = 0;
    this.count = 0;
  }

  /** All bytes so far, in memory of their own. */
  finished(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }
}
