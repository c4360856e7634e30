/** The two JPEG decoders against each other, and the encoder against both. */

import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { inflateSync } from "fflate";
import { describe, expect, it, vi } from "vitest";
import { ImageError } from "../../src/errors.js";
import { decodeImage, encodeJpeg } from "../../src/image/index.js";
import { decodeWithMozjpeg } from "../../src/image/jpeg/mozjpeg.js";
import { decodePlain } from "../../src/image/jpeg/plainDecoder.js";
import { DecodeBudget } from "../../src/image/limits.js";
import { FULL } from "../support/full.js";
import { REPOSITORY, referencePath } from "../support/reference.js";
import { type DecodeFixtures, noise, readFixture, sha256 } from "./support.js";

const ANY = new DecodeBudget("test");

const { files } = readFixture<DecodeFixtures>("decode.json");

describe("the plain decoder", () => {
  // Turned pictures are the same for both decoders; `decode.test.ts` has them.
  const names = Object.keys(files).filter((name) => name.endsWith(".jpg") && !name.startsWith("orientation"));
  it.each(names)("%s has OpenCV's bytes", (name) => {
    const { base64, expected } = files[name];
    const decode = () => decodePlain(new Uint8Array(Buffer.from(base64, "base64")), ANY);
    if (expected === null) expect(decode).toThrow();
    else expect(sha256(decode().data)).toBe(expected.sha256);
  });

  const folder = referencePath("images", "coco_val2017_128", "images");
  it.skipIf(!folder)("equals mozjpeg on photographs", async () => {
    const some = readdirSync(folder ?? "").filter((_, i) => FULL || i % 16 === 0);
    expect(some.length).toBeGreaterThan(4);
    for (const name of some) {
      const bytes = new Uint8Array(readFileSync(join(folder ?? "", name)));
      const fast = await decodeWithMozjpeg(bytes, ANY);
      if (!fast) continue; // It complained; the plain decoder then decides.
      expect(sha256(decodePlain(bytes, ANY).data), name).toBe(sha256(fast.data));
    }
  });
});

describe("encodeJpeg", () => {
  const smooth = (width: number, height: number) => {
    const data = new Uint8Array(width * height * 3);
    for (let i = 0; i < width * height; i++) {
      data.set([(i % width) * 3, Math.floor(i / width) * 5, 128 + ((i % width) % 40)], i * 3);
    }
    return { width, height, data };
  };
  const meanError = (a: Uint8Array, b: Uint8Array) => a.reduce((sum, v, i) => sum + Math.abs(v - b[i]), 0) / a.length;

  it.each([
    [1, 1],
    [8, 8],
    [17, 13],
    [80, 50],
  ])("%i × %i decodes to nearly the same, and both decoders agree", async (width, height) => {
    const image = smooth(width, height);
    const file = encodeJpeg(image, 95);
    const decoded = decodePlain(file, ANY);
    expect([decoded.width, decoded.height]).toEqual([width, height]);
    expect(meanError(decoded.data, image.data)).toBeLessThan(2);
    expect((await decodeWithMozjpeg(file, ANY))?.data).toEqual(decoded.data);
  });

  it("survives noise, and lower quality makes smaller files", () => {
    const image = noise(64, 48, 3);
    const sizes = [100, 75, 25, 1].map((quality) => encodeJpeg(image, quality).length);
    expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
    expect(meanError(decodePlain(encodeJpeg(image, 100), ANY).data, image.data)).toBeLessThan(2);
  });

  it("keeps photographs at quality 95 (44 dB and more)", async () => {
    const file = referencePath("images", "demo", "bus.jpg") ?? join(REPOSITORY, "examples", "codes.png");
    const image = await decodeImage(new Uint8Array(readFileSync(file)), { path: file });
    const { data } = decodePlain(encodeJpeg(image), ANY);
    const squares = data.reduce((sum, value, i) => sum + (value - image.data[i]) ** 2, 0) / data.length;
    expect(10 * Math.log10(255 ** 2 / squares)).toBeGreaterThan(44);
  });

  it("works without Buffer, as in browsers, and defines none", () => {
    const image = smooth(17, 13);
    const file = encodeJpeg(image);
    vi.stubGlobal("Buffer", undefined);
    try {
      expect(encodeJpeg(image)).toEqual(file);
      expect(globalThis.Buffer).toBeUndefined();
    } finally {
      vi.unstubAllGlobals();
    }
    expect(globalThis.Buffer.from([1])).toHaveLength(1);
  });

  it("refuses anything but a picture", () => {
    expect(() => encodeJpeg({ width: 70000, height: 1, data: new Uint8Array(210000) })).toThrow(ImageError);
    expect(() => encodeJpeg({ width: 2, height: 2, data: new Uint8Array(3) })).toThrow(/2×2 pixels with 3 bytes/);
  });
});

describe("embedded decoders", () => {
  it.each([
    ["@jsquash/jpeg", "mozjpeg_dec", () => import("../../src/image/jpeg/mozjpegWasm.generated.js")],
    ["@jsquash/webp", "webp_dec", () => import("../../src/image/webp/webpWasm.generated.js")],
    ["@jsquash/avif", "avif_dec", () => import("../../src/image/avif/avifWasm.generated.js")],
  ])("%s is the installed version (else run scripts/embedDecoders.mjs)", async (name, codec, load) => {
    const { WASM_BASE64 } = await load();
    const installed = createRequire(import.meta.url).resolve(`${name}/codec/dec/${codec}.wasm`);
    const embedded = inflateSync(new Uint8Array(Buffer.from(WASM_BASE64, "base64")));
    expect(sha256(embedded)).toBe(sha256(readFileSync(installed)));
  });
});
