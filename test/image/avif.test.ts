/** AVIF, beside what libavif's own `avifdec` makes of the same file (`avifenc -y 420`, `--irot 1`, `--imir 1`). */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ImageError } from "../../src/errors.js";
import { decodeImage } from "../../src/image/index.js";
import { REPOSITORY } from "../support/reference.js";

const read = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(join(REPOSITORY, "test", "fixtures", "image", name)));
const pixel = (image: { width: number; data: Uint8Array }, x: number, y: number): number[] =>
  Array.from(image.data.subarray((y * image.width + x) * 3, (y * image.width + x) * 3 + 3));

describe("AVIF", () => {
  it("gives avifdec's pixels within two grey levels, because of chroma interpolation", async () => {
    const [actual, wanted] = [await decodeImage(read("small.avif")), await decodeImage(read("small.png"))];
    expect([actual.width, actual.height]).toEqual([wanted.width, wanted.height]);
    expect(Math.max(...actual.data.map((v, i) => Math.abs(v - wanted.data[i])))).toBeLessThanOrEqual(2);
  });

  it("applies rotation and mirroring", async () => {
    const wanted = await decodeImage(read("small.png"));
    const [rotated, mirrored] = [await decodeImage(read("rot.avif")), await decodeImage(read("mir.avif"))];
    const corner = pixel(wanted, wanted.width - 1, 0);
    expect([rotated.width, rotated.height]).toEqual([wanted.height, wanted.width]);
    for (const image of [rotated, mirrored]) {
      for (const [i, value] of pixel(image, 0, 0).entries()) expect(Math.abs(value - corner[i])).toBeLessThan(24);
    }
    expect(mirrored.width).toBe(wanted.width);
  });

  it("refuses truncated files and sizes beyond the limit in one line", async () => {
    for (const [bytes, options] of [
      [read("small.avif").subarray(0, 400), {}],
      [read("small.avif"), { maxPixels: 100 }],
    ] as const) {
      const error = await decodeImage(bytes, { path: "a.avif", ...options }).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(ImageError);
      expect((error as ImageError).message).toMatch(/^a\.avif: [^\n]+$/);
    }
  });
});
