/**
 * Zip archives as torch.save and ordinary tools write them: stored entries are views of the file, deflated ones are
 * inflated to their declared size, which is checked first. Zip64 is read; encryption and splitting are refused.
 * CRCs are not checked: torch can be set to write none, and sizes already reveal truncation.
 */

import { CheckpointError } from "../../errors.js";
import { inflateInto, MAX_DEFLATE_RATIO } from "../../inflate.js";
import { Budget, damaged } from "../budget.js";

const END_OF_DIRECTORY = 0x06054b50;
const ZIP64_LOCATOR = 0x07064b50;
const ZIP64_END = 0x06064b50;
const CENTRAL_ENTRY = 0x02014b50;
const LOCAL_ENTRY = 0x04034b50;

interface Entry {
  readonly method: number;
  readonly compressedSize: number;
  readonly size: number;
  readonly headerOffset: number;
}

/** @throws CheckpointError for an archive whose table of contents is missing or damaged, as after a download that broke off. */
export function checkArchive(bytes: Uint8Array): void {
  new ZipArchive(bytes, new Budget(bytes.length));
}

export class ZipArchive {
  private readonly view: DataView;
  private readonly entries = new Map<string, Entry>();

  /** Reads the table of contents. @throws CheckpointError when it is missing, damaged or encrypted. */
  constructor(
    private readonly bytes: Uint8Array,
    private readonly budget: Budget,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.readDirectory();
  }

  get names(): string[] {
    return [...this.entries.keys()];
  }

  has(name: string): boolean {
    return this.entries.has(name);
  }

  /** An entry's bytes; `undefined` where there is none. A stored entry is a view of the file. */
  read(name: string): Uint8Array | undefined {
    const entry = this.entries.get(name);
    if (!entry) return undefined;
    const header = entry.headerOffset;
    if (header + 30 > this.bytes.length || this.view.getUint32(header, true) !== LOCAL_ENTRY) {
      damaged(`zip entry ${name} has no header at byte ${header}`, { name });
    }
    const start = header + 30 + this.view.getUint16(header + 26, true) + this.view.getUint16(header + 28, true);
    const end = start + entry.compressedSize;
    if (end > this.bytes.length) damaged(`zip entry ${name} ends at byte ${end} of ${this.bytes.length}`, { name });
    const packed = this.bytes.subarray(start, end);
    if (entry.method === 0) {
      if (entry.size !== entry.compressedSize) damaged(`zip entry ${name} has two different sizes`, { name });
      return packed;
    }
    return this.inflate(name, packed, entry.size);
  }

  private inflate(name: string, packed: Uint8Array, size: number): Uint8Array {
    if (size > packed.length * MAX_DEFLATE_RATIO) {
      damaged(`zip entry ${name} declares ${size} bytes, which ${packed.length} cannot hold`, { name, size });
    }
    this.budget.chargeUnpacked(size + 1, `zip entry ${name}`);
    // One byte more than declared, so that an entry which holds more is noticed.
    const out = new Uint8Array(size + 1);
    let found: number;
    try {
      found = inflateInto(packed, out);
    } catch (cause) {
      throw new CheckpointError(
        `is damaged (zip entry ${name} cannot be inflated); download or copy it again`,
        { name },
        {
          cause,
        },
      );
    }
    if (found !== size) damaged(`zip entry ${name} does not inflate to its declared ${size} bytes`, { name });
    return out.subarray(0, size);
  }

  private readDirectory(): void {
    const { view, bytes } = this;
    const { count, offset } = this.findDirectory();
    let at = offset;
    for (let i = 0; i < count; i++) {
      if (at + 46 > bytes.length || view.getUint32(at, true) !== CENTRAL_ENTRY) {
        damaged(`its zip table of contents breaks off after ${i} of ${count} entries`);
      }
      const nameLength = view.getUint16(at + 28, true);
      const extraLength = view.getUint16(at + 30, true);
      const next = at + 46 + nameLength + extraLength + view.getUint16(at + 32, true);
      if (next > bytes.length) damaged("its zip table of contents runs past the end");
      this.budget.charge(256 + nameLength, "the zip table of contents");
      const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
      if (view.getUint16(at + 8, true) & 0x41) {
        throw new CheckpointError("is an encrypted zip archive; decrypt it first (torch.save writes none)", { name });
      }
      const method = view.getUint16(at + 10, true);
      if (method !== 0 && method !== 8) {
        throw new CheckpointError(
          `is a zip archive whose entry ${name} uses compression method ${method}; only stored and deflate are read, pack it again with one of them`,
          { name, method },
        );
      }
      if (this.entries.has(name)) damaged(`zip entry ${name} occurs twice`, { name });
      this.entries.set(name, this.readSizes(at, nameLength, extraLength, method));
      at = next;
    }
  }

  /** Sizes and offset of a central entry; fields of 0xffffffff stand in its zip64 extra field. */
  private readSizes(at: number, nameLength: number, extraLength: number, method: number): Entry {
    const { view } = this;
    let compressedSize = view.getUint32(at + 20, true);
    let size = view.getUint32(at + 24, true);
    let headerOffset = view.getUint32(at + 42, true);
    const end = at + 46 + nameLength + extraLength;
    for (let extra = at + 46 + nameLength; extra + 4 <= end; ) {
      const fieldEnd = extra + 4 + view.getUint16(extra + 2, true);
      if (view.getUint16(extra, true) === 1 && fieldEnd <= end) {
        let field = extra + 4;
        const take = (current: number): number => {
          if (current !== 0xffffffff || field + 8 > fieldEnd) return current;
          field += 8;
          return this.uint64(field - 8);
        };
        size = take(size);
        compressedSize = take(compressedSize);
        headerOffset = take(headerOffset);
      }
      extra = fieldEnd;
    }
    return { method, compressedSize, size, headerOffset };
  }

  /** Looks for the end-of-directory record within the last 64 KiB, where a comment may follow it. */
  private findDirectory(): { count: number; offset: number } {
    const { view, bytes } = this;
    const lowest = Math.max(0, bytes.length - 22 - 0xffff);
    for (let at = bytes.length - 22; at >= lowest; at--) {
      if (view.getUint32(at, true) !== END_OF_DIRECTORY) continue;
      let count = view.getUint16(at + 10, true);
      let offset = view.getUint32(at + 16, true);
      if ((count === 0xffff || offset === 0xffffffff) && at >= 20 && view.getUint32(at - 20, true) === ZIP64_LOCATOR) {
        const end64 = this.uint64(at - 12);
        if (end64 + 56 > bytes.length || view.getUint32(end64, true) !== ZIP64_END) {
          damaged("its zip64 table of contents is missing");
        }
        count = this.uint64(end64 + 32);
        offset = this.uint64(end64 + 48);
      }
      if (view.getUint16(at + 4, true) !== 0 && view.getUint16(at + 4, true) !== 0xffff) {
        throw new CheckpointError("is one part of a split zip archive; join the parts first");
      }
      return { count, offset };
    }
    throw new CheckpointError(
      "is a truncated zip archive: its table of contents, at the end of the file, is missing; download or copy it again",
      { bytes: bytes.length },
    );
  }

  private uint64(at: number): number {
    const value = this.view.getBigUint64(at, true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) damaged("a zip64 field is out of range");
    return Number(value);
  }
}
