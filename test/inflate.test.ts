import { constants, deflateRawSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { inflateInto } from "../src/inflate.js";

const noise = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => Math.imul(i ^ (i >>> 7), 0x2c1b3c6d) >>> 24);

describe("inflateInto", () => {
  it.each<[string, Uint8Array, number]>([
    ["nothing", new Uint8Array(0), 6],
    ["a few bytes", noise(100), 6],
    ["noise", noise(300_000), 6],
    ["stored blocks", noise(300_000), 0],
    ["zeros", new Uint8Array(10_000_000), 9],
    ["both", Uint8Array.of(...new Uint8Array(50_000), ...noise(50_000)), 1],
  ])("unpacks %s, whatever follows", (_, raw, level) => {
    for (const tail of [0, 10, 400_000]) {
      const packed = Buffer.concat([deflateRawSync(raw, { level }), noise(tail)]);
      const out = new Uint8Array(raw.length);
      expect(inflateInto(packed, out)).toBe(raw.length);
      expect(Buffer.compare(out, raw)).toBe(0);
      // A stream that ends early leaves the rest as it is.
      expect(inflateInto(packed, new Uint8Array(raw.length + 1))).toBe(raw.length);
    }
  });

  it("stops where the buffer is full, and says that there is more", () => {
    for (const length of [10_000, 100_000_000]) {
      const packed = deflateRawSync(new Uint8Array(length), { level: 9 });
      const out = new Uint8Array(1000).fill(7);
      expect(inflateInto(packed, out)).toBeGreaterThan(1000);
      expect(out.every((byte) => byte === 0)).toBe(true);
    }
    // Of a gigabyte only the first megabyte or two.
    const piece = deflateRawSync(Buffer.alloc(2 ** 20), { level: 9, finishFlush: constants.Z_FULL_FLUSH });
    expect(inflateInto(Buffer.concat(new Array<Buffer>(1024).fill(piece)), new Uint8Array(1000))).toBeLessThan(2 ** 22);
  });

  it.each([100, 300_000])("throws for a stream that is cut off, or damaged: %i bytes", (length) => {
    const packed = deflateRawSync(noise(length));
    expect(() => inflateInto(packed.subarray(0, packed.length >> 1), new Uint8Array(length))).toThrow();
    expect(() => inflateInto(Uint8Array.of(0xff, ...packed), new Uint8Array(length))).toThrow();
  });
});
