/** Bounds-checked reading of a pickle's bytes: integers, lines, strings. */

import { type Budget, damaged } from "../budget.js";

const decoder = new TextDecoder();

export class Cursor {
  private readonly view: DataView;

  constructor(
    readonly bytes: Uint8Array,
    public position: number,
    private readonly budget: Budget,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Moves past `count` bytes and returns where they begin. */
  private advance(count: number): number {
    const start = this.position;
    if (!(start + count <= this.bytes.length)) {
      damaged(`its pickle ends at byte ${this.bytes.length}, within a value of ${count} bytes that begins at ${start}`);
    }
    this.position = start + count;
    return start;
  }

  uint8(): number {
    return this.bytes[this.advance(1)];
  }

  uint16(): number {
    return this.view.getUint16(this.advance(2), true);
  }

  int32(): number {
    return this.view.getInt32(this.advance(4), true);
  }

  uint32(): number {
    return this.view.getUint32(this.advance(4), true);
  }

  /** A length: more than 2^53 is as wrong as more than the file has. */
  uint64(): number {
    return Number(this.view.getBigUint64(this.advance(8), true));
  }

  float64(): number {
    return this.view.getFloat64(this.advance(8), false);
  }

  /** A view of the next `count` bytes. */
  take(count: number): Uint8Array {
    const start = this.advance(count);
    return this.bytes.subarray(start, start + count);
  }

  /** Little-endian two's complement of `count` bytes. */
  integer(count: number): number | bigint {
    if (count > 1024) damaged(`an integer of ${count} bytes in its pickle`);
    const bytes = this.take(count);
    if (count === 0) return 0;
    let hex = "0x";
    for (let i = count - 1; i >= 0; i--) hex += bytes[i].toString(16).padStart(2, "0");
    return smallest(BigInt.asIntN(8 * count, BigInt(hex)));
  }

  /** UTF-8 of `count` bytes; names are short and ASCII, so those take a quick path. */
  utf8(count: number): string {
    const bytes = this.take(count);
    this.budget.charge(2 * count, "the strings of its pickle");
    if (count > 64) return decoder.decode(bytes);
    let text = "";
    for (let i = 0; i < count; i++) {
      if (bytes[i] > 127) return decoder.decode(bytes);
      text += String.fromCharCode(bytes[i]);
    }
    return text;
  }

  /** Text up to the next newline, which is consumed; bytes as latin-1. */
  line(): string {
    const end = this.bytes.indexOf(10, this.position);
    if (end < 0) damaged(`a line of its pickle that begins at byte ${this.position} does not end`);
    const bytes = this.bytes.subarray(this.position, end);
    this.position = end + 1;
    this.budget.charge(2 * bytes.length, "the strings of its pickle");
    return latin1(bytes);
  }
}

/** One character per byte. */
function latin1(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let i = 0; i < bytes.length; i += 4096) parts.push(String.fromCharCode(...bytes.subarray(i, i + 4096)));
  return parts.join("");
}

/** The bytes of a string of code points below 256; `undefined` where there are others. */
export function latin1Bytes(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 255) return undefined;
    bytes[i] = code;
  }
  return bytes;
}

/** A number where it is exact, else the bigint. */
export function smallest(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
