/** Every kind of file decodes to OpenCV's bytes, or is refused where OpenCV refuses it, in one clear line. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ImageError } from "../../src/errors.js";
import { applyOrientation, decodeImage, exifOrientation } from "../../src/image/index.js";
import { referencePath } from "../support/reference.js";
import { type DecodeFixtures, type FixtureFile, readFixture, sha256 } from "./support.js";

async function decodedHash(bytes: Uint8Array, path: string): Promise<FixtureFile["expected"]> {
  try {
    const { width, height, data } = await decodeImage(bytes, { path });
    return { width, height, sha256: sha256(data) };
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    expect(error.message.startsWith(`${path}: `), error.message).toBe(true);
    expect(error.message).not.toContain("\n");
    return null;
  }
}

const { files } = readFixture<DecodeFixtures>("decode.json");
const { files: tiffs } = readFixture<DecodeFixtures>("tiff.json");

describe("committed fixtures", () => {
  it.each(Object.entries({ ...files, ...tiffs }))("%s", async (name, { base64, expected }) => {
    expect(await decodedHash(Buffer.from(base64, "base64"), name)).toEqual(expected);
  });
});

interface DecodeReference {
  readonly images: Readonly<Record<string, { width: number; height: number; rgb_sha256: string } | null>>;
}

const hard = referencePath("images", "hard");
const answers = referencePath("reference", "decode.json");

describe.skipIf(!hard || !answers)("reference/decode.json", () => {
  it("agrees on every picture", async () => {
    const { images } = JSON.parse(readFileSync(answers ?? "", "utf8")) as DecodeReference;
    const different: string[] = [];
    for (const [name, answer] of Object.entries(images)) {
      const expected = answer && { width: answer.width, height: answer.height, sha256: answer.rgb_sha256 };
      const found = await decodedHash(readFileSync(join(hard ?? "", name)), name);
      if (JSON.stringify(found) !== JSON.stringify(expected)) different.push(name);
    }
    expect(different).toEqual([]);
    expect(Object.keys(images).length).toBeGreaterThanOrEqual(253);
  });
});

describe("files that are not pictures", () => {
  const text = (value: string) => new TextEncoder().encode(value);
  it.each([
    ["notes.jpg", text("Dear diary,\nnothing happened.\n"), "is a text file, not a picture"],
    ["empty.jpg", new Uint8Array(0), "is an empty file"],
    ["page.png", text("<!DOCTYPE html><html></html>"), "is a web page (HTML)"],
    ["drawing.png", text('<?xml version="1.0"?><svg/>'), "is an SVG drawing"],
    ["pointer.png", text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"), "git lfs pull"],
    ["phone.jpg", text("\0\0\0\x18ftypheic\0\0\0\0"), "is a HEIC picture"],
    ["new.jpg", text("\0\0\0\x18ftypavif\0\0\0\0"), "damaged AVIF: it declares no picture"],
    ["moving.jpg", text("\0\0\0\x18ftypavis\0\0\0\0"), "is an AVIF animation"],
    ["film.jpg", text("\0\0\0\x18ftypisom\0\0\0\0"), "is an MP4/QuickTime file"],
    ["controls.jpg", text("RIFF\0\0\0\0\x1b[1\n"), "is a RIFF file (??1?)"],
    ["bytes.jpg", Uint8Array.of(1, 2, 3, 4, 5), "in no known picture format"],
  ])("%s", async (path, bytes, words) => {
    const error = await decodeImage(bytes, { path }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ImageError);
    expect((error as ImageError).message).toContain(`${path}: `);
    expect((error as ImageError).message).toContain(words);
  });
});

describe("declared sizes", () => {
  /** A PNG whose header claims a size, with a few bytes of pixels and right checksums. */
  async function claiming(width: number, height: number): Promise<Uint8Array> {
    const { encodePng } = await import("../../src/image/index.js");
    const { crc32 } = await import("../../src/image/png/crc32.js");
    const file = encodePng({ width: 2, height: 2, data: new Uint8Array(12) });
    const view = new DataView(file.buffer);
    view.setUint32(16, width);
    view.setUint32(20, height);
    view.setUint32(29, crc32(file, 12, 29));
    return file;
  }

  it("are refused beyond the limit before anything is allocated", async () => {
    await expect(decodeImage(await claiming(1 << 19, 1 << 19))).rejects.toThrow(/above the limit of 67108864 pixels/);
    await expect(decodeImage(await claiming(40, 30), { maxPixels: 1000 })).rejects.toThrow(/limit of 1000 pixels/);
    await expect(decodeImage(await claiming(0, 30))).rejects.toThrow(/at least 1×1/);
  });

  it("are refused if so few bytes cannot hold them (zip bombs)", async () => {
    await expect(decodeImage(await claiming(8000, 8000))).rejects.toThrow(/cannot hold its 192008000 bytes/);
  });

  it("of JPEGs that claim endless work are refused", async () => {
    const huge = Buffer.from(files["grey.jpg"].base64, "base64");
    const frame = huge.indexOf(Uint8Array.of(0xff, 0xc0));
    huge.writeUInt16BE(8000, frame + 5);
    huge.writeUInt16BE(8000, frame + 7);
    await expect(decodeImage(huge)).rejects.toThrow(/bytes cannot hold its 8000×8000 pixels/);

    const progressive = Buffer.from(files["sampling 1x1 progressive.jpg"].base64, "base64");
    const start = progressive.indexOf(Uint8Array.of(0xff, 0xc2));
    progressive.writeUInt16BE(4000, start + 5);
    progressive.writeUInt16BE(4000, start + 7);
    const scan = progressive.subarray(progressive.lastIndexOf(Uint8Array.of(0xff, 0xda)), -2);
    const many = Buffer.concat([progressive.subarray(0, -2), ...Array.from({ length: 3000 }, () => scan)]);
    await expect(decodeImage(many)).rejects.toThrow(/30\d\d scans over 16000000 pixels would take too long/);
  });

  it("of JPEG, WebP, BMP, GIF, TIFF and PNM are limited too", async () => {
    for (const name of ["grey.jpg", "lossy 90.webp", "RGB.bmp", "64 colours.gif", "RGB None.tif", "colour.ppm"]) {
      const bytes = Buffer.from(files[name].base64, "base64");
      await expect(decodeImage(bytes, { maxPixels: 100 }), name).rejects.toThrow(/limit of 100 pixels/);
    }
  });
});

describe("orientation", () => {
  /** 2 × 3 pixels named by their red value: rows 1 2, 3 4, 5 6. */
  const stored = { width: 2, height: 3, data: Uint8Array.from([1, 2, 3, 4, 5, 6].flatMap((v) => [v, 0, 0])) };
  it.each([
    [1, 2, [1, 2, 3, 4, 5, 6]],
    [2, 2, [2, 1, 4, 3, 6, 5]],
    [3, 2, [6, 5, 4, 3, 2, 1]],
    [4, 2, [5, 6, 3, 4, 1, 2]],
    [5, 3, [1, 3, 5, 2, 4, 6]],
    [6, 3, [5, 3, 1, 6, 4, 2]],
    [7, 3, [6, 4, 2, 5, 3, 1]],
    [8, 3, [2, 4, 6, 1, 3, 5]],
  ])("%i", (orientation, width, reds) => {
    const upright = applyOrientation(stored, orientation);
    expect(upright.width).toBe(width);
    expect([...upright.data].filter((_, i) => i % 3 === 0)).toEqual(reds);
  });

  it("is read in both byte orders and ignored if damaged", () => {
    const little = Uint8Array.of(0x49, 0x49, 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0);
    const big = Uint8Array.of(0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 8, 0, 0);
    expect(exifOrientation(little)).toBe(6);
    expect(exifOrientation(big)).toBe(8);
    expect(exifOrientation(little.subarray(0, 20))).toBeUndefined();
    expect(exifOrientation(new Uint8Array(7))).toBeUndefined();
  });
});
