/**
 * Reads the bits of an entropy-coded segment like libjpeg: removes stuffed zeros; a marker ends the data and is
 * followed by endless zero bits; the end of the file counts as an end-of-image marker.
 */

import type { HuffmanTable } from "./huffman.js";

/** End of image. */
export const EOI = 0xd9;

export class BitReader {
  private readonly bytes: Uint8Array;
  /** Next byte to read. */
  position: number;
  /** A marker that was found but not yet handled, 0 for none. */
  marker = 0;
  /** Some data were invented: bits after the end, the symbol of an unknown code, or a restart. */
  madeUp = false;
  /** The file ended without an end-of-image marker. */
  ranOut = false;
  /** Set once zero bits had to be inserted; blocks are then skipped until a restart. */
  exhausted = false;
  /** The lower `count` bits are unread. */
  private buffer = 0;
  private count = 0;

  constructor(bytes: Uint8Array, position: number) {
    this.bytes = bytes;
    this.position = position;
  }

  /** Fills the buffer to at least 16 bits (it holds up to 24, so that shifts stay within 32 bits). */
  private fill(needed: number): void {
    const { bytes } = this;
    while (this.count <= 16 && this.marker === 0) {
      let byte = this.position < bytes.length ? bytes[this.position++] : this.end();
      if (byte === 0xff) {
        do byte = this.position < bytes.length ? bytes[this.position++] : EOI;
        while (byte === 0xff);
        if (byte !== 0) {
          this.marker = byte;
          break;
        }
        byte = 0xff;
      }
      if (this.marker !== 0) break;
      this.buffer = ((this.buffer << 8) | byte) & 0xffffff;
      this.count += 8;
    }
    if (this.count < needed) {
      this.exhausted = true;
      this.madeUp = true;
      this.buffer = (this.buffer << (24 - this.count)) & 0xffffff;
      this.count = 24;
    }
  }

  private end(): number {
    this.ranOut = true;
    this.marker = EOI;
    return 0;
  }

  /** The next `n` bits, 0 to 16 of them. */
  bits(n: number): number {
    if (n === 0) return 0;
    if (this.count < n) this.fill(n);
    this.count -= n;
    return (this.buffer >> this.count) & ((1 << n) - 1);
  }

  /** `n` bits as a signed difference (T.81, F.2.2.1, EXTEND). */
  difference(n: number): number {
    const value = this.bits(n);
    return n === 0 || value >= 1 << (n - 1) ? value : value - (1 << n) + 1;
  }

  /** The next symbol; 0 for a code that the table lacks. */
  symbol(table: HuffmanTable): number {
    // Fill only as far as the code itself asks, so that its last bits are not mistaken for missing data.
    if (this.count < 8) this.fill(0);
    if (this.count >= 8) {
      const entry = table.lookup[(this.buffer >> (this.count - 8)) & 255];
      if (entry !== 0) {
        this.count -= entry >> 8;
        return entry & 255;
      }
    }
    let code = this.bits(1);
    let length = 1;
    while (length <= 16 && code > table.maxCode[length]) {
      code = (code << 1) | this.bits(1);
      length++;
    }
    if (length > 16) {
      this.madeUp = true;
      return 0;
    }
    return table.symbols[(code + table.offset[length]) & 255];
  }

  /** Discards the remaining bits of the current byte, at restarts and at the end of a scan. */
  align(): void {
    this.count = 0;
    this.buffer = 0;
  }

  /** Skips to the next marker, past any garbage. */
  nextMarker(): number {
    const { bytes } = this;
    for (;;) {
      while (this.position < bytes.length && bytes[this.position] !== 0xff) this.position++;
      while (this.position < bytes.length && bytes[this.position] === 0xff) this.position++;
      if (this.position >= bytes.length) {
        this.marker = EOI;
        this.ranOut = true;
        return EOI;
      }
      const byte = bytes[this.position++];
      if (byte !== 0) {
        this.marker = byte;
        return byte;
      }
    }
  }

  /**
   * Consumes the restart marker RST0 + `expected`, or recovers from another one like libjpeg's
   * `jpeg_resync_to_restart`.
   */
  restart(expected: number): void {
    this.align();
    if (this.marker === 0) this.nextMarker();
    if (this.marker === 0xd0 + expected) {
      this.marker = 0;
    } else {
      this.madeUp = true;
      for (;;) {
        const { marker } = this;
        const ahead = (marker - 0xd0 - expected) & 7;
        const isRestart = marker >= 0xd0 && marker <= 0xd7;
        if (marker >= 0xc0 && (!isRestart || ahead === 1 || ahead === 2)) break; // leave it: this segment is lost
        if (isRestart && ahead !== 6 && ahead !== 7) {
          this.marker = 0; // the one wanted, or so far off that it may as well be
          break;
        }
        this.nextMarker(); // an earlier one, or no marker at all: skip it
      }
    }
    if (this.marker === 0) this.exhausted = false;
  }
}
