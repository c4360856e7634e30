/**
 * Reads protobuf messages (the wire format of protobuf.dev/programming-guides/encoding). Messages are views of the file:
 * nothing is copied, and no length is believed before it was checked.
 */

import { damaged } from "../budget.js";

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

/** One field of a message. Numbers of other wire types than the field's own are errors, as every writer keeps to them. */
export interface Field {
  readonly number: number;
  readonly wire: number;
  /** Of a varint: the signed 64-bit integer as a double, which is exact to 2^53. */
  readonly int: number;
  /** The bytes of anything that is not a varint. */
  readonly bytes: Uint8Array;
}

const NO_BYTES = new Uint8Array(0);

/** The fields of a message, in the order of the file. @throws CheckpointError for bytes that are no message. */
export function* fieldsOf(message: Uint8Array): Generator<Field, undefined, undefined> {
  const cursor = new Cursor(message);
  while (cursor.at < message.length) {
    const tag = cursor.varint();
    const number = Math.floor(tag / 8);
    const wire = tag % 8;
    if (!(number >= 1 && number < 2 ** 29)) damaged(`a protobuf field has the number ${number}`);
    yield wire === VARINT
      ? { number, wire, int: cursor.varint(), bytes: NO_BYTES }
      : { number, wire, int: 0, bytes: cursor.take(lengthOf(wire, cursor)) };
  }
}

function lengthOf(wire: number, cursor: Cursor): number {
  if (wire === LENGTH_DELIMITED) return cursor.varint();
  if (wire === FIXED64) return 8;
  if (wire === FIXED32) return 4;
  return damaged(`a protobuf field has the wire type ${wire}`);
}

class Cursor {
  at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  /** A signed 64-bit integer. */
  varint(): number {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 10; i++, this.at++) {
      const byte = this.bytes[this.at];
      if (byte === undefined) damaged("it ends within a number");
      // The tenth byte holds the sign: -2^64 is added in two's complement, exactly where it matters (small numbers).
      if (i === 9) return this.negative();
      value += (byte & 127) * factor;
      if (byte < 128) {
        this.at++;
        return value;
      }
      factor *= 128;
    }
    return damaged("a number is longer than ten bytes");
  }

  /** Of ten bytes, of which nine were read. */
  private negative(): number {
    const start = this.at - 9;
    let value = 0n;
    for (let i = 9; i >= 0; i--) value = (value << 7n) | BigInt(this.bytes[start + i] & 127);
    if (this.bytes[this.at] > 127) damaged("a number is longer than ten bytes");
    this.at++;
    return Number(BigInt.asIntN(64, value));
  }

  take(length: number): Uint8Array {
    if (!(length >= 0 && length <= this.bytes.length - this.at)) {
      damaged(`a protobuf field claims ${length} bytes where ${this.bytes.length - this.at} are left`);
    }
    const start = this.at;
    this.at += length;
    return this.bytes.subarray(start, this.at);
  }
}

/** The contents of a field that is a message, a text or bytes. @throws CheckpointError for any other. */
export function contents(field: Field, what: string): Uint8Array {
  if (field.wire !== LENGTH_DELIMITED) damaged(`${what} does not have the type that ONNX specifies`);
  return field.bytes;
}

/** @throws CheckpointError for a field that is not an integer. */
export function integer(field: Field, what: string): number {
  if (field.wire !== VARINT) damaged(`${what} does not have the type that ONNX specifies`);
  return field.int;
}

/** A text; bytes that are no UTF-8 become U+FFFD. */
export function text(field: Field, what: string): string {
  // A copy, since texts in memory that threads share are not decoded.
  return new TextDecoder().decode(contents(field, what).slice());
}

/** Appends a repeated integer: one a field, or packed into one. */
export function pushIntegers(target: number[], field: Field, what: string): void {
  if (field.wire === VARINT) target.push(field.int);
  else {
    const cursor = new Cursor(contents(field, what));
    while (cursor.at < field.bytes.length) target.push(cursor.varint());
  }
}

/** Appends a repeated float or double: one a field, or packed into one. */
export function pushFloats(target: number[], field: Field, size: 4 | 8, what: string): void {
  const single = size === 4 ? FIXED32 : FIXED64;
  if (field.wire !== single && field.wire !== LENGTH_DELIMITED) {
    damaged(`${what} does not have the type that ONNX specifies`);
  }
  const { bytes } = field;
  if (bytes.length % size !== 0) damaged(`${what} is cut off within a number`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < bytes.length; at += size) {
    target.push(size === 4 ? view.getFloat32(at, true) : view.getFloat64(at, true));
  }
}
