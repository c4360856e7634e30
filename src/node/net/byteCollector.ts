/** Collects chunks of any size. Memory grows with the number of bytes, not of chunks. */

const SMALLEST = 2 ** 16;
const LARGEST = 2 ** 24;

export class ByteCollector {
  private readonly full: Uint8Array[] = [];
  private block = new Uint8Array(0);
  private used = 0;
  private count = 0;

  get length(): number {
    return this.count;
  }

  add(chunk: Uint8Array): void {
    for (let from = 0; from < chunk.length; ) {
      if (this.used === this.block.length) this.grow();
      const part = chunk.subarray(from, from + this.block.length - this.used);
      this.block.set(part, this.used);
      this.used += part.length;
      from += part.length;
    }
    this.count += chunk.length;
  }

  /** All bytes in one array; frees the blocks while filling it. */
  join(): Uint8Array {
    const bytes = new Uint8Array(this.count);
    let at = 0;
    for (let block = this.full.shift(); block; block = this.full.shift()) {
      bytes.set(block, at);
      at += block.length;
    }
    bytes.set(this.block.subarray(0, this.used), at);
    return bytes;
  }

  private grow(): void {
    if (this.used > 0) this.full.push(this.block);
    this.block = new Uint8Array(Math.min(Math.max(this.count, SMALLEST), LARGEST));
    this.used = 0;
  }
}
