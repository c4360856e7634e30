/** PNG both ways: fast-png writes, our decoder and fast-png's read. */

import { decode as decodeFast, encode as encodeFast } from "fast-png";
import { zlibSync } from "fflate";
import { describe, expect, it } from "vitest";
import { decodeImage, encodePng } from "../../src/image/index.js";
import { crc32 } from "../../src/image/png/crc32.js";
import { noise } from "./support.js";

/** A PNG file of these chunks and an IEND. */
function png(...chunks: readonly (readonly [string, Uint8Array])[]): Uint8Array {
  const parts = [...chunks, ["IEND", new Uint8Array(0)] as const].map(([type, body]) => {
    const chunk = Buffer.concat([Buffer.alloc(4), Buffer.from(type), body, Buffer.alloc(4)]);
    chunk.writeUInt32BE(body.length, 0);
    chunk.writeUInt32BE(crc32(chunk, 4, 8 + body.length), 8 + body.length);
    return chunk;
  });
  return Buffer.concat([Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a), ...parts]);
}

describe("encodePng", () => {
  it.each([
    [1, 1],
    [3, 5],
    [64, 41],
    [257, 3],
  ])("%i × %i is read back by fast-png and by us", async (width, height) => {
    const image = noise(width, height, width);
    const file = encodePng(image);
    expect(decodeFast(file, { checkCrc: true }).data).toEqual(image.data);
    expect(await decodeImage(file)).toEqual(image);
  });

  it("compresses a picture of one colour to a hundredth of its bytes", () => {
    const data = new Uint8Array(200 * 100 * 3).fill(114);
    expect(encodePng({ width: 200, height: 100, data }).length).toBeLessThan(data.length / 100);
  });

  it("refuses anything but a picture", () => {
    expect(() => encodePng({ width: 0, height: 3, data: new Uint8Array(0) })).toThrow(/cannot write 0×3/);
  });
});

describe("interlaced files", () => {
  it.each([
    [1, 1],
    [4, 2],
    [5, 9],
    [31, 17],
  ])("%i × %i", async (width, height) => {
    const image = noise(width, height, height);
    const file = encodeFast({ ...image, channels: 3, depth: 8 }, { interlace: "Adam7" });
    expect(await decodeImage(file)).toEqual(image);
  });
});

describe("files that fast-png's decoder cannot handle", () => {
  it("data beyond the picture's pixels is not unpacked (fast-png would unpack all of it)", async () => {
    const pixels = zlibSync(new Uint8Array(2 ** 25));
    const image = { width: 100, height: 100, data: new Uint8Array(30_000) };
    const header = Uint8Array.of(0, 0, 0, 100, 0, 0, 0, 100, 8, 2, 0, 0, 0);
    const bomb = png(["IHDR", header], ["IDAT", pixels]);
    const before = process.memoryUsage().arrayBuffers;
    expect(await decodeImage(bomb)).toEqual(image);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 22);
  });

  it("interlaced pictures of less than 8 bits are read (fast-png refuses them)", async () => {
    const [width, height] = [13, 11];
    const level = (x: number, y: number) => ((x * x + 3 * y) >> 1) & 3;
    const rows: number[] = [];
    const grids = ["0088", "4088", "0448", "2044", "0224", "1022", "0112"].map((grid) => [...grid].map(Number));
    for (const [x0, y0, dx, dy] of grids) {
      for (let y = y0; y < height; y += dy) {
        const levels: number[] = [];
        for (let x = x0; x < width; x += dx) levels.push(level(x, y));
        const bits = levels.map((value) => value.toString(2).padStart(2, "0")).join("");
        rows.push(0, ...(bits.match(/.{1,8}/g) ?? []).map((byte) => Number.parseInt(byte.padEnd(8, "0"), 2)));
      }
    }
    const header = Uint8Array.of(0, 0, 0, width, 0, 0, 0, height, 2, 0, 0, 0, 1);
    const file = png(["IHDR", header], ["IDAT", zlibSync(Uint8Array.from(rows))]);
    expect(() => decodeFast(file)).toThrow();
    const expected = Array.from({ length: width * height * 3 }, (_, i) => {
      const pixel = Math.floor(i / 3);
      return level(pixel % width, Math.floor(pixel / width)) * 85;
    });
    expect([...(await decodeImage(file)).data]).toEqual(expected);
  });
});

it("crc32 has the check value of the standard", () => {
  expect(crc32(new TextEncoder().encode("123456789"), 0, 9)).toBe(0xcbf43926);
  expect(crc32(new Uint8Array(0), 0, 0)).toBe(0);
});
