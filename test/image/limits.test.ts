/** One bound for pixels, memory and time: small files that claim much are refused, or take little. */

import { describe, expect, it } from "vitest";
import { ImageError } from "../../src/errors.js";
import { decodeImage } from "../../src/image/index.js";
import { DecodeBudget } from "../../src/image/limits.js";
import { withMemoryBound } from "../../src/image/wasmMemory.js";
import { type DecodeFixtures, readFixture, sha256 } from "./support.js";

const { files } = readFixture<DecodeFixtures>("decode.json");
const fixture = (name: string): Buffer => Buffer.from(files[name].base64, "base64");

/** A little-endian TIFF whose directory comes last; entries are tag, type, count and value. */
function tiff(pixels: Uint8Array, entries: readonly (readonly [number, number, number, number])[]): Buffer {
  const directory = Buffer.alloc(2 + entries.length * 12 + 4);
  directory.writeUInt16LE(entries.length);
  for (const [i, [tag, type, count, value]] of entries.entries()) {
    directory.writeUInt16LE(tag, 2 + i * 12);
    directory.writeUInt16LE(type, 4 + i * 12);
    directory.writeUInt32LE(count, 6 + i * 12);
    directory.writeUInt32LE(value, 10 + i * 12);
  }
  const head = Buffer.from("II*\0\0\0\0\0", "latin1");
  head.writeUInt32LE(8 + pixels.length, 4);
  return Buffer.concat([head, pixels, directory]);
}

/** 162 bytes: one pixel in a tile of 16,384 × 16,384 pixels of 7 × 16 bits, as attackers write it. */
const HUGE_TILE = [
  ...[[256, 4, 1, 1] as const, [257, 4, 1, 1] as const, [258, 3, 1, 16] as const, [259, 3, 1, 32773] as const],
  ...[[262, 3, 1, 2] as const, [277, 3, 1, 7] as const, [322, 4, 1, 16384] as const, [323, 4, 1, 16384] as const],
  ...[[324, 4, 1, 8] as const, [325, 4, 1, 4] as const],
];

describe("TIFF directories", () => {
  it("that point to one block a thousand times do not multiply its memory", async () => {
    const block = Buffer.alloc(40_000);
    const bomb = Array.from({ length: 3000 }, (_, i) => [40_000 + i, 3, 20_000, 8] as const);
    const before = process.memoryUsage().rss;
    await expect(decodeImage(tiff(block, bomb))).rejects.toThrow(/0×0 pixels/);
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 2 ** 20);
  });

  it("whose used tags point to one block are refused once they exceed the file", async () => {
    const used = [273, 279, 320, 324, 325].map((tag) => [tag, 4, 9_000, 8] as const);
    await expect(decodeImage(tiff(Buffer.alloc(40_000), used))).rejects.toThrow(/lies outside the file/);
  });

  it("with tiles far larger than the picture unpack only the picture's rows", async () => {
    const { width, height, data } = await decodeImage(tiff(Uint8Array.of(1, 0x80, 0x40, 0), HUGE_TILE), {
      maxPixels: 2 ** 26,
    });
    expect([width, height, data.length]).toEqual([1, 1, 3]);
  });
});

describe("TIFF sizes", () => {
  it("are whole numbers: a fractional tag counts as absent", async () => {
    // Width as a rational of 7 ÷ 2.
    const fraction = Buffer.alloc(12);
    fraction.writeUInt32LE(7);
    fraction.writeUInt32LE(2, 4);
    const tags = [[256, 5, 1, 8] as const, [257, 4, 1, 1] as const, [258, 3, 1, 8] as const, [262, 3, 1, 1] as const];
    const strips = [[273, 4, 1, 16] as const, [277, 3, 1, 1] as const, [279, 4, 1, 4] as const];
    await expect(decodeImage(tiff(fraction, [...tags, ...strips]))).rejects.toThrow(/0×1 pixels/);
    expect(() => new DecodeBudget("a.x", {}).size(3.5, 1)).toThrow(/3\.5×1 pixels/);
  });
});

describe("TIFF strips and tiles that share their bytes", () => {
  it("are refused if reading them all would take forever", async () => {
    // 2^16 rows, a strip each, all of them on the same 1 MB.
    const rows = 2 ** 16;
    const block = Buffer.alloc(rows * 8 + 2 ** 20);
    for (let i = 0; i < rows; i++) {
      block.writeUInt32LE(8 + rows * 8, i * 4);
      block.writeUInt32LE(2 ** 20, (rows + i) * 4);
    }
    const tags = [
      ...[[256, 4, 1, 1] as const, [257, 4, 1, rows] as const, [258, 3, 1, 8] as const, [259, 3, 1, 5] as const],
      ...[[262, 3, 1, 1] as const, [273, 4, rows, 8] as const, [277, 3, 1, 1] as const, [278, 4, 1, 1] as const],
      [279, 4, rows, 8 + rows * 4] as const,
    ];
    await expect(decodeImage(tiff(block, tags))).rejects.toThrow(/65536 such strips or tiles would take too long/);
  });

  it("are refused if tiles reach far beyond a narrow picture", async () => {
    const tiles = 2 ** 12;
    const block = Buffer.alloc(tiles * 8 + 64);
    for (let i = 0; i < tiles; i++) {
      block.writeUInt32LE(8 + tiles * 8, i * 4);
      block.writeUInt32LE(64, (tiles + i) * 4);
    }
    const tags = [
      ...[[256, 4, 1, 1] as const, [257, 4, 1, tiles * 16] as const, [258, 3, 1, 8] as const],
      ...[[259, 3, 1, 32773] as const, [262, 3, 1, 1] as const, [277, 3, 1, 1] as const, [322, 4, 1, 2 ** 19] as const],
      ...[[323, 4, 1, 16] as const, [324, 4, tiles, 8] as const, [325, 4, tiles, 8 + tiles * 4] as const],
    ];
    await expect(decodeImage(tiff(block, tags))).rejects.toThrow(/4096 such strips or tiles would take too long/);
  });
});

describe("TIFFs that are not decoded", () => {
  const plain = [
    ...[[256, 4, 1, 1] as const, [257, 4, 1, 1] as const, [262, 3, 1, 2] as const, [273, 4, 1, 8] as const],
    ...[[277, 3, 1, 3] as const, [279, 4, 1, 4] as const],
  ];
  it.each([
    ["old-style JPEG", [[258, 3, 1, 8] as const, [259, 3, 1, 6] as const], /with old-style JPEG \(compression 6/],
    [
      "JPEGs in planes",
      [[258, 3, 1, 8] as const, [259, 3, 1, 7] as const, [284, 3, 1, 2] as const],
      /separate colour planes/,
    ],
    [
      "floats",
      [[258, 3, 1, 32] as const, [259, 3, 1, 1] as const, [339, 3, 1, 3] as const],
      /of floating-point numbers/,
    ],
    ["LZMA", [[258, 3, 1, 8] as const, [259, 3, 1, 34925] as const], /with LZMA/],
    ["another compression", [[258, 3, 1, 8] as const, [259, 3, 1, 4711] as const], /with compression 4711/],
    ["an odd depth", [[258, 3, 1, 12] as const, [259, 3, 1, 1] as const], /of an unusual kind \(3 samples of 12 bits/],
  ])("%s: the message says what it is and what to do", async (_, tags, why) => {
    const bytes = tiff(Uint8Array.of(1, 2, 3, 4), [...plain, ...tags]);
    await expect(decodeImage(bytes, { path: "a.tif" })).rejects.toThrow(why);
    await expect(decodeImage(bytes, { path: "a.tif" })).rejects.toThrow(/^a\.tif: is a TIFF .*(JPEG or PNG)$/);
  });

  it.each(["II+\0\b\0\0\0", "MM\0+\0\b\0\0"])("BigTIFF %j", async (head) => {
    const bytes = Buffer.concat([Buffer.from(head, "latin1"), Buffer.alloc(64)]);
    await expect(decodeImage(bytes, { path: "a.tif" })).rejects.toThrow(
      /^a\.tif: is a BigTIFF, .*plain TIFF, JPEG or PNG$/,
    );
  });
});

describe("one limit", () => {
  it("says how far to raise it, in pixels and in bytes", () => {
    const budget = new DecodeBudget("a.png", { maxPixels: 2 ** 24 });
    expect(() => budget.size(5000, 4000)).toThrow(
      "a.png: claims 5000×4000 pixels, above the limit of 16777216 pixels; shrink it, or raise the limit " +
        "(--max-pixels, `maxPixels`) to 20000000",
    );
    expect(() => budget.memory(300e6)).toThrow(/needs 287 MiB to decode, above the limit of 192 MiB; .* to 25000000$/);
    expect(() => budget.work(2 ** 31, "a JPEG of 99 scans")).toThrow(/would take too long/);
  });

  it("applies to the picture inside a WebP whose header claims a smaller one", async () => {
    // VP8X claims 1 × 1, the lossless picture in it 16,384 × 16,384.
    const lie = Buffer.from("RIFF\x30\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0VP8L\x11\0\0\0\x2f", "latin1");
    const whole = Buffer.concat([lie, Buffer.from("ffffff0f0000000000000000000000000000", "hex")]);
    await expect(decodeImage(whole)).rejects.toThrow(/16384×16384 pixels, above the limit of 67108864/);
  });

  it("limits the memory of WebAssembly decoders", async () => {
    // A lossless WebP that needs more memory than is allowed is refused before it is decoded.
    const webp = Buffer.from("RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f", "latin1");
    const big = Buffer.concat([webp, Buffer.from("ffdfff07070000000000000000", "hex")]);
    await expect(decodeImage(big, { maxPixels: 2 ** 26 })).rejects.toThrow(/MiB to decode|above the limit/);
  });

  it("is written into WebAssembly modules before they are compiled", async () => {
    // A module with one memory of 1 page and no bound, and an export of it.
    const bytes = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 5, 3, 1, 0, 1, 7, 5, 1, 1, 109, 2, 0);
    const memoryOf = async (wasm: Uint8Array<ArrayBuffer>): Promise<WebAssembly.Memory> => {
      const { exports } = new WebAssembly.Instance(await WebAssembly.compile(wasm));
      return exports.m as WebAssembly.Memory;
    };
    expect((await memoryOf(bytes)).grow(20)).toBe(1);
    const bounded = await memoryOf(withMemoryBound(bytes, 10 * 65536));
    expect(bounded.grow(9)).toBe(1);
    expect(() => bounded.grow(1)).toThrow();
    // Never below what the module begins with.
    expect((await memoryOf(withMemoryBound(bytes, 0))).buffer.byteLength).toBe(65536);
  });

  it("counts the scans of a progressive JPEG by the pixels that they cover", async () => {
    const file = fixture("sampling 1x1 progressive.jpg");
    const frame = file.indexOf(Uint8Array.of(0xff, 0xc2));
    file.writeUInt16BE(4096, frame + 5);
    file.writeUInt16BE(4096, frame + 7);
    const scan = file.subarray(file.lastIndexOf(Uint8Array.of(0xff, 0xda)), -2);
    const many = Buffer.concat([file.subarray(0, -2), ...Array.from({ length: 900 }, () => scan)]);
    await expect(decodeImage(many)).rejects.toThrow(/scans over 16777216 pixels would take too long/);
  });

  it("can be raised to decode more", async () => {
    await expect(decodeImage(fixture("grey.jpg"), { maxPixels: 10 })).rejects.toThrow(ImageError);
    const { data } = await decodeImage(fixture("grey.jpg"), { maxPixels: 2 ** 30 });
    expect(sha256(data)).toBe(files["grey.jpg"].expected?.sha256);
  });
});

describe("pictures that decode in part", () => {
  async function notesOf(bytes: Uint8Array, path: string): Promise<string[]> {
    const notes: string[] = [];
    await decodeImage(bytes, { path, onNote: (note) => notes.push(note) });
    return notes;
  }

  it("are used with a note: truncated JPEGs, sequential and progressive", async () => {
    for (const name of ["sampling 1x1.jpg", "sampling 1x1 progressive.jpg", "sampling 2x2.jpg"]) {
      const whole = fixture(name);
      expect(await notesOf(whole, name), name).toEqual([]);
      const [note, ...more] = await notesOf(whole.subarray(0, whole.length * 0.6), name);
      expect(note, name).toMatch(/^sampling .*\.jpg: damaged JPEG: .*(truncated\?|used as far as)/);
      expect(more).toEqual([]);
    }
  });

  it("get no note if only the end marker is missing", async () => {
    const whole = fixture("sampling 1x1.jpg");
    expect(await notesOf(whole.subarray(0, -2), "a.jpg")).toEqual([]);
  });

  it("are used with a note: GIF and TIFF", async () => {
    const gif = fixture("64 colours.gif");
    expect(await notesOf(gif, "a.gif")).toEqual([]);
    expect(await notesOf(gif.subarray(0, gif.length * 0.7), "a.gif")).toEqual([
      expect.stringMatching(/^a\.gif: damaged GIF: only \d+ % of its first frame/),
    ]);
  });
});
