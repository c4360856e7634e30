/** PNG both ways, against fast-png as an independent implementation. */

import { decode as decodeFast, encode as encodeFast } from "fast-png";
import { describe, expect, it } from "vitest";
import { decodeImage, encodePng } from "../../src/image/index.js";
import { crc32 } from "../../src/image/png/crc32.js";
import { noise } from "./support.js";

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

  it("finds good filters: a gradient takes few bytes", () => {
    const data = Uint8Array.from({ length: 200 * 100 * 3 }, (_, i) => (Math.floor(i / 3) % 200) + Math.floor(i / 600));
    expect(encodePng({ width: 200, height: 100, data }).length).toBeLessThan(2000);
  });

  it("refuses what is no picture", () => {
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

it("crc32 has the check value of the standard", () => {
  expect(crc32(new TextEncoder().encode("123456789"), 0, 9)).toBe(0xcbf43926);
  expect(crc32(new Uint8Array(0), 0, 0)).toBe(0);
});
