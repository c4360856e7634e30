/** One WebAssembly memory as a heap: ranges are allocated and freed, and it grows if none is free. */

import { invariant, LimitError, UnsupportedError } from "../../../errors.js";
import { MAXIMUM_PAGES } from "../../../kernels/wasm/index.js";
import { ALIGNMENT, roundUp } from "../lower/storages.js";

const PAGE = 65536;
/** Grown by this much at least: plans come one by one. */
const LEAST_GROWTH = 2 ** 20;

interface Range {
  readonly address: number;
  readonly bytes: number;
}

/** Hosts that promise no 4 GiB of shared addresses may promise less. */
function open(shared: boolean, pages: number): WebAssembly.Memory {
  for (let maximum = MAXIMUM_PAGES; ; maximum /= 2) {
    const most = Math.max(maximum, pages);
    try {
      return new WebAssembly.Memory({ initial: pages, maximum: most, shared });
    } catch (cause) {
      if (most === pages) throw noMemory(pages * PAGE, cause);
    }
  }
}

function noMemory(bytes: number, cause: unknown): UnsupportedError {
  const mib = Math.ceil(bytes / 2 ** 20);
  return new UnsupportedError(
    `wasm: the host could not allocate ${mib} MiB of memory for the model; use a smaller imgsz, batch or model`,
    { bytes, cause },
  );
}

export class LinearMemory {
  private current: WebAssembly.Memory;
  private readonly used = new Map<number, number>();
  /** By address; neighbours are one. */
  private free: Range[] = [];
  private floatView: Float32Array | undefined;

  constructor(private readonly shared: boolean) {
    this.current = open(shared, LEAST_GROWTH / PAGE);
    // No range begins at 0.
    this.free = [{ address: ALIGNMENT, bytes: this.bytes - ALIGNMENT }];
  }

  get memory(): WebAssembly.Memory {
    return this.current;
  }

  get bytes(): number {
    return this.current.buffer.byteLength;
  }

  /** The whole memory as it is now: growing makes another view of it. */
  get floats(): Float32Array {
    const { buffer } = this.current;
    if (this.floatView?.buffer !== buffer) this.floatView = new Float32Array(buffer);
    return this.floatView;
  }

  /**
   * Allocates a range at the lowest free address. Its contents are undefined.
   * @throws LimitError beyond 4 GiB; UnsupportedError if the host has no more memory.
   */
  take(bytes: number): number {
    const size = roundUp(Math.max(bytes, ALIGNMENT), ALIGNMENT);
    let index = this.free.findIndex((range) => range.bytes >= size);
    if (index < 0) {
      this.grow(size);
      index = this.free.length - 1;
    }
    const { address, bytes: most } = this.free[index];
    this.free.splice(index, 1, ...(most > size ? [{ address: address + size, bytes: most - size }] : []));
    this.used.set(address, size);
    return address;
  }

  give(address: number): void {
    const bytes = this.used.get(address);
    invariant(bytes !== undefined, `no range was taken at ${address}`);
    this.used.delete(address);
    this.addFree({ address, bytes });
  }

  /** Leaves the memory for a new one that ends after the last range in use. Addresses stay. */
  shrink(): void {
    const end = [...this.used].reduce((most, [address, bytes]) => Math.max(most, address + bytes), ALIGNMENT);
    const pages = Math.max(LEAST_GROWTH, roundUp(end, PAGE)) / PAGE;
    const from = new Uint8Array(this.current.buffer);
    const made = open(this.shared, pages);
    const to = new Uint8Array(made.buffer);
    for (const [address, bytes] of this.used) to.set(from.subarray(address, address + bytes), address);
    this.current = made;
    this.free = [];
    let at = ALIGNMENT;
    for (const [address, bytes] of [...this.used].sort(([a], [b]) => a - b)) {
      if (address > at) this.free.push({ address: at, bytes: address - at });
      at = address + bytes;
    }
    if (at < this.bytes) this.free.push({ address: at, bytes: this.bytes - at });
  }

  /** So that a range of so many bytes is free at the end. */
  private grow(size: number): void {
    const last = this.free[this.free.length - 1];
    const tail = last && last.address + last.bytes === this.bytes ? last.bytes : 0;
    const before = this.bytes;
    const needed = before + size - tail;
    if (needed > MAXIMUM_PAGES * PAGE) {
      const gib = (needed / 2 ** 30).toFixed(1);
      throw new LimitError(
        `wasm: the model needs ${gib} GiB, WebAssembly memory ends at 4 GiB; use a smaller imgsz, batch or model, or --backend webgpu`,
        { bytes: needed },
      );
    }
    const end = Math.min(MAXIMUM_PAGES * PAGE, roundUp(Math.max(needed, before + LEAST_GROWTH), PAGE));
    try {
      this.current.grow((end - before) / PAGE);
    } catch (cause) {
      throw noMemory(end, cause);
    }
    this.addFree({ address: before, bytes: end - before });
  }

  private addFree(range: Range): void {
    const merged: Range[] = [];
    for (const next of [...this.free, range].sort((a, b) => a.address - b.address)) {
      const last = merged[merged.length - 1];
      if (last && last.address + last.bytes === next.address) {
        merged[merged.length - 1] = { address: last.address, bytes: last.bytes + next.bytes };
      } else merged.push(next);
    }
    this.free = merged;
  }
}
