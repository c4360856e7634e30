/** Pictures of a few bytes that are huge when decoded. */

import { constants, crc32, deflateRawSync, deflateSync } from "node:zlib";
import { bytes, le } from "../weights/support.js";

const be = (value: number): string => [...le(value)].reverse().join("");

/** A zlib stream of so many zeros, made of one compressed piece again and again. */
function zeros(count: number): Uint8Array {
  const piece = 2 ** 20;
  const packed = deflateRawSync(Buffer.alloc(piece), { level: 9, finishFlush: constants.Z_FULL_FLUSH });
  const rest = deflateRawSync(Buffer.alloc(count % piece), { level: 9 });
  const adler = be((((count % 65521) << 16) | 1) >>> 0);
  return Buffer.concat([
    Buffer.from([0x78, 0xda]),
    ...new Array<Buffer>(Math.floor(count / piece)).fill(packed),
    rest,
    Buffer.from(adler, "latin1"),
  ]);
}

/** RGBA of 16 bits: eight bytes per pixel. */
export function png(side: number): Uint8Array {
  const chunk = (type: string, data: Uint8Array): Uint8Array => {
    const body = Buffer.concat([Buffer.from(type), data]);
    return Buffer.concat([Buffer.from(be(data.length), "latin1"), body, Buffer.from(be(crc32(body)), "latin1")]);
  };
  const header = bytes(be(side), be(side), 16, 6, 0, 0, 0);
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", header),
    chunk("IDAT", zeros(side * (1 + 8 * side))),
    chunk("IEND", new Uint8Array(0)),
  ]);
}

/** Lossless, all of one colour. */
export function webp(side: number): Uint8Array {
  // A signature byte, 14 bits of each side less one, then single-symbol prefix codes.
  const size = (side - 1) | ((side - 1) << 14);
  const body = bytes(0x2f, le(size >>> 0), 0x88, 0x88, 0x08, 0, 0, 0, 0, 0);
  return bytes("RIFF", le(body.length + 13), "WEBPVP8L", le(body.length), body, 0);
}

/** One pixel of a large screen, and codes that end at once. */
export function gif(side: number): Uint8Array {
  const size = le(side, 2) + le(side, 2);
  return bytes("GIF89a", size, 0x80, 0, 0, "\0\0\0\xff\xff\xff", ",", le(0, 4), size, 0, 2, 2, 0x4c, 1, 0, ";");
}

/** Eight bits in run lengths: each line ends at once. */
export function bmp(side: number): Uint8Array {
  const pixels = bytes(0, 1);
  const header = `BM${le(54 + 1024 + pixels.length)}${le(0)}${le(54 + 1024)}${le(40)}${le(side)}${le(side)}`;
  return bytes(
    `${header}${le(1, 2)}${le(8, 2)}${le(1)}${le(pixels.length)}${le(0, 8)}${le(256)}${le(0)}`,
    new Uint8Array(1024),
    pixels,
  );
}

type Tag = readonly [tag: number, type: number, count: number, value: number];

/** Its pixels at byte 8, its directory last. */
function tiffOf(pixels: Uint8Array, tags: readonly Tag[]): Uint8Array {
  const entries = tags.map(([tag, type, count, value]) => le(tag, 2) + le(type, 2) + le(count) + le(value)).join("");
  const head = Buffer.from(`II*\0${le(8 + pixels.length)}`, "latin1");
  return Buffer.concat([head, pixels, Buffer.from(`${le(tags.length, 2)}${entries}${le(0)}`, "latin1")]);
}

/** Grey in PackBits, a few bytes of it. */
export function packBits(side: number): Uint8Array {
  return tiffOf(bytes(0x81, 0), [
    ...([
      [256, 4, 1, side],
      [257, 4, 1, side],
      [258, 3, 1, 8],
      [259, 3, 1, 32773],
      [262, 3, 1, 1],
    ] as const),
    ...([
      [273, 4, 1, 8],
      [277, 3, 1, 1],
      [278, 4, 1, side],
      [279, 4, 1, 2],
    ] as const),
  ]);
}

/** One pixel in a tile of 16,384 × 16,384 pixels of 7 × 16 bits. */
export function hugeTile(): Uint8Array {
  return tiffOf(bytes(1, 0x80, 0x40, 0), [
    ...([
      [256, 4, 1, 1],
      [257, 4, 1, 1],
      [258, 3, 1, 16],
      [259, 3, 1, 32773],
      [262, 3, 1, 2],
    ] as const),
    ...([
      [277, 3, 1, 7],
      [322, 4, 1, 16384],
      [323, 4, 1, 16384],
      [324, 4, 1, 8],
      [325, 4, 1, 4],
    ] as const),
  ]);
}

/** 8,000 entries that all say that one block of 200 kB is theirs. */
export function directoryBomb(used: boolean): Uint8Array {
  const tags = Array.from(
    { length: 8000 },
    (_, i): Tag => [used ? [258, 273, 279, 320, 324, 325, 347][i % 7] : 40_000 + (i % 20_000), 3, 100_000, 8],
  );
  return tiffOf(new Uint8Array(200_000), [[256, 4, 1, 16], [257, 4, 1, 16], ...tags]);
}

/** Grey, every block's coefficient the same, in `scans` scans that refine it: one bit a block each. */
export function progressiveJpeg(side: number, scans: number): Uint8Array {
  const two = (value: number): string => [...le(value, 2)].reverse().join("");
  const blocks = Math.ceil(side / 8) ** 2;
  // A table with one code, 0, for a difference of no bits.
  const table = bytes("\xff\xc4", two(20), 0, 1, new Uint8Array(15), 0);
  const quantisation = bytes("\xff\xdb", two(67), 0, new Uint8Array(64).fill(1));
  const frame = bytes("\xff\xc2", two(11), 8, two(side), two(side), 1, 1, 0x11, 0);
  const scan = (high: number, low: number): Uint8Array =>
    Buffer.concat([
      Buffer.from(bytes("\xff\xda", two(8), 1, 1, 0, 0, 0, (high << 4) | low)),
      Buffer.alloc(Math.ceil(blocks / 8)),
    ]);
  const refinements = Array.from({ length: scans }, (_, i) =>
    i === 0 ? scan(0, 13) : scan(13 - ((i - 1) % 13), 12 - ((i - 1) % 13)),
  );
  return Buffer.concat([
    Buffer.from(bytes("\xff\xd8", quantisation, frame, table)),
    ...refinements,
    Buffer.from([0xff, 0xd9]),
  ]);
}

/** `count` strips of one row of `tags`, all of them the same bytes. */
function sharedStrips(stored: Uint8Array, count: number, tags: readonly Tag[], more: Uint8Array = new Uint8Array()) {
  const lists = Buffer.alloc(8 * count);
  for (let i = 0; i < count; i++) {
    lists.writeUInt32LE(8, 4 * i);
    lists.writeUInt32LE(stored.length, 4 * (count + i));
  }
  const at = 8 + stored.length + more.length;
  return tiffOf(Buffer.concat([stored, more, lists]), [
    ...tags,
    [257, 4, 1, count],
    [273, 4, count, at],
    [278, 4, 1, 1],
    [279, 4, count, at + 4 * count],
  ]);
}

/** Strips of 64 bytes, each of a stream that goes on for 64 MB, or for 4 MB. */
export function deflatedStrips(length: 64 | 4): Uint8Array {
  // In one block: stored ones, as `zeros` has, do not fit where others are unpacked in vain.
  const stored = deflateSync(Buffer.alloc(length * 2 ** 20), { level: 9 });
  return sharedStrips(stored, length === 64 ? 10_000 : 40_000, [
    [256, 4, 1, 64],
    [258, 3, 1, 8],
    [259, 3, 1, 8],
    [262, 3, 1, 1],
  ]);
}

const segment = (marker: number, data: string): string =>
  `\xff${bytesText(marker)}${be(data.length + 2).slice(2)}${data}`;
const bytesText = (value: number): string => String.fromCharCode(value);

/** Strips that are JPEGs of 64 × 1 pixels: with many scans; with the same many tables; with many tables of their own. */
export function jpegStrips(kind: "scans" | "tables" | "own tables"): Uint8Array {
  const huffman = segment(0xc4, `\0\x01${"\0".repeat(16)}`);
  const comment = segment(0xfe, "x".repeat(60_000));
  const scan = `${segment(0xda, "\x01\x01\0\0\0\0")}\0\0\0\0`;
  const own = kind === "own tables" ? huffman.repeat(1500) : huffman;
  const frame = segment(0xdb, `\0${"\x01".repeat(64)}`) + segment(0xc2, "\x08\0\x01\0\x40\x01\x01\x11\0");
  const jpeg = bytes(`\xff\xd8${frame}${own}${scan.repeat(kind === "scans" ? 500 : 1)}\xff\xd9`);
  const tables = bytes(`\xff\xd8${comment.repeat(8)}\xff\xd9`);
  const tags: Tag[] = [
    [256, 4, 1, 64],
    [258, 3, 1, 8],
    [259, 3, 1, 7],
    [262, 3, 1, 1],
  ];
  if (kind !== "tables") return sharedStrips(jpeg, 40_000, tags);
  return sharedStrips(jpeg, 40_000, [...tags, [347, 1, tables.length, 8 + jpeg.length]], tables);
}
