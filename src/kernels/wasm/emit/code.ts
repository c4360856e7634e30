/** Bytes of a WebAssembly binary: LEB128 numbers, names, and the target that vector code is written for. */

/** What the host can run; one source of kernels gives every variant. */
export interface Target {
  /** `simd128`; without it every vector becomes four scalars. */
  readonly simd: boolean;
  /** Relaxed SIMD: fused multiply-add. Needs `simd`. */
  readonly relaxed: boolean;
  /** Rounds multiply-adds twice, as hosts without the fused instruction do: of a function that gives every host the same bits. */
  readonly unfused?: boolean | undefined;
  /** Shared memory and atomics. */
  readonly shared: boolean;
  /** Spells `vec.dotI8` in exact instructions of plain SIMD, for hosts whose own is not exact (tests of the kernels). */
  readonly spelledDot?: DotActivations | undefined;
}

/**
 * Of relaxed SIMD's int8 dot product, how a host reads its second operand: it is exact either for unsigned or for signed
 * bytes. The first operand is always signed.
 */
export type DotActivations = "unsigned" | "signed";

/** A growing byte string. `target` decides how vector operations are lowered. */
export class Code {
  private buffer = new Uint8Array(256);
  private size = 0;

  constructor(readonly target: Target) {}

  get length(): number {
    return this.size;
  }

  private reserve(count: number): void {
    if (this.size + count <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(this.buffer.length * 2, this.size + count));
    grown.set(this.buffer.subarray(0, this.size));
    this.buffer = grown;
  }

  /** One to four bytes. (No rest parameter: this is called for every instruction.) */
  byte(a: number, b?: number, c?: number, d?: number): this {
    this.reserve(4);
    this.buffer[this.size++] = a;
    if (b !== undefined) this.buffer[this.size++] = b;
    if (c !== undefined) this.buffer[this.size++] = c;
    if (d !== undefined) this.buffer[this.size++] = d;
    return this;
  }

  bytes(values: readonly number[]): this {
    for (const value of values) this.byte(value);
    return this;
  }

  append(other: Uint8Array): this {
    this.reserve(other.length);
    this.buffer.set(other, this.size);
    this.size += other.length;
    return this;
  }

  /** Unsigned LEB128 of a number below 2³². */
  unsigned(value: number): this {
    let rest = value >>> 0;
    if (rest < 0x80) return this.byte(rest);
    do {
      const low = rest & 0x7f;
      rest >>>= 7;
      this.byte(rest === 0 ? low : low | 0x80);
    } while (rest !== 0);
    return this;
  }

  /** Signed LEB128 of a 32-bit number. */
  signed(value: number): this {
    let rest = value | 0;
    if (rest >= 0 && rest < 0x40) return this.byte(rest);
    for (;;) {
      const low = rest & 0x7f;
      rest >>= 7;
      const done = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
      this.byte(done ? low : low | 0x80);
      if (done) return this;
    }
  }

  /** Signed LEB128 of a 64-bit number. */
  signed64(value: bigint): this {
    let rest = BigInt.asIntN(64, value);
    for (;;) {
      const low = Number(rest & 0x7fn);
      rest >>= 7n;
      const done = (rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0);
      this.byte(done ? low : low | 0x80);
      if (done) return this;
    }
  }

  float32(value: number): this {
    return this.append(new Uint8Array(new Float32Array([value]).buffer));
  }

  name(text: string): this {
    const encoded = new TextEncoder().encode(text);
    return this.unsigned(encoded.length).append(encoded);
  }

  /** A copy of what was written. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.buffer.slice(0, this.size);
  }
}
