/** The entropy-coded bytes of a JPEG file, and what stands around them. */

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

  /** Up to 16 bits. A zero byte follows each 255, which would begin a marker. */
  put(value: number, bits: number): void {
    let pending = (this.pending << bits) | value;
    let count = this.count + bits;
    while (count >= 8) {
      count -= 8;
      const byte = (pending >> count) & 255;
      this.bytes[this.length++] = byte;
      if (byte === 255) this.bytes[this.length++] = 0;
    }
    pending &= (1 << count) - 1;
    this.pending = pending;
    this.count = count;
  }

  /** Fills the last byte with ones. */
  flush(): void {
    this.reserve(4);
    const missing = 8 - this.count;
    this.put((1 << missing) - 1, missing);
  }

  /** All bytes so far, in memory of their own. */
  finished(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }
}
