/** The WebAssembly SIMD decoder: OpenCV's bytes, or nothing. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { decoderModule } from "../../../scripts/jpeg/decoder.js";
import { decodeImage, encodeJpeg } from "../../../src/image/index.js";
import { decodeBaseline } from "../../../src/image/jpeg/baseline/decode.js";
import { WASM_BASE64 } from "../../../src/image/jpeg/baseline/decoderModule.generated.js";
import { decodePlain } from "../../../src/image/jpeg/plainDecoder.js";
import { DecodeBudget } from "../../../src/image/limits.js";
import { FULL } from "../../support/full.js";
import { referencePath } from "../../support/reference.js";
import { type DecodeFixtures, noise, readFixture, sha256 } from "../support.js";

const ANY = new DecodeBudget("test");
const { files } = readFixture<DecodeFixtures>("decode.json");
const names = Object.keys(files).filter((name) => name.endsWith(".jpg"));
const bytesOf = (name: string): Uint8Array => new Uint8Array(Buffer.from(files[name].base64, "base64"));

/** Files that this decoder must not leave to others. */
const ORDINARY = [
  ...["1x1", "2x1", "2x2"].map((sampling) => `sampling ${sampling}.jpg`),
  ...["17 x 1.jpg", "5 x 4.jpg", "restart every MCU.jpg", "grey.jpg", "rgb without transform.jpg"],
];

/** A seeded generator of numbers below 1. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** The decoder's picture is the plain decoder's, where it gives one. */
async function expectSame(bytes: Uint8Array, what: string): Promise<boolean> {
  const decoded = await decodeBaseline(bytes, ANY);
  if (!decoded) return false;
  const wanted = decodePlain(bytes, ANY);
  expect([decoded.width, decoded.height], what).toEqual([wanted.width, wanted.height]);
  expect(Buffer.compare(decoded.data, wanted.data), what).toBe(0);
  return true;
}

describe("decodeBaseline", () => {
  it("embeds the module of scripts/jpeg", () => {
    expect(Buffer.from(decoderModule()).toString("base64")).toBe(WASM_BASE64);
  });

  it.each(ORDINARY)("%s: OpenCV's bytes", async (name) => {
    const decoded = await decodeBaseline(bytesOf(name), ANY);
    expect(sha256(decoded?.data ?? new Uint8Array())).toBe(files[name].expected?.sha256);
  });

  it("leaves what is unusual to others, and decodes no file otherwise than they do", async () => {
    for (const name of names) {
      if (files[name].expected === null) expect(await decodeBaseline(bytesOf(name), ANY), name).toBeUndefined();
      else await expectSame(bytesOf(name), name);
    }
    for (const name of ["sampling 2x2 progressive.jpg", "cmyk.jpg", "sampling 1x2.jpg", "sampling 4x1.jpg"]) {
      expect(await decodeBaseline(bytesOf(name), ANY), name).toBeUndefined();
    }
  });

  it.each([
    [1, 1],
    [8, 8],
    [17, 13],
    [31, 200],
    [700, 9],
  ])("%i × %i, of noise at every tenth quality", async (width, height) => {
    for (let quality = 1; quality <= 100; quality += 9) {
      expect(await expectSame(encodeJpeg(noise(width, height, quality), quality), `quality ${quality}`)).toBe(true);
    }
  });

  const folder = referencePath("images", "coco_val2017_128", "images");
  it.skipIf(!folder)("photographs", async () => {
    const some = readdirSync(folder ?? "").filter((_, i) => FULL || i % 8 === 0);
    expect(some.length).toBeGreaterThan(10);
    for (const name of some) {
      expect(await expectSame(new Uint8Array(readFileSync(join(folder ?? "", name))), name)).toBe(true);
    }
  });

  it("damaged files: the plain decoder's bytes, or nothing", async () => {
    const random = numbers(11);
    let decoded = 0;
    for (let i = 0; i < 3000; i++) {
      const name = ORDINARY[Math.floor(random() * ORDINARY.length)];
      const bytes = bytesOf(name).slice();
      for (let flips = 1 + Math.floor(random() * 3); flips > 0; flips--) {
        // Half of them in the header: tables of any kind, factors that overflow.
        const at = 2 + Math.floor(random() ** (flips % 2 === 0 ? 4 : 1) * (bytes.length - 2));
        bytes[at] = random() < 0.3 ? 255 : Math.floor(random() * 256);
      }
      const end = random() < 0.2 ? Math.floor(random() * bytes.length) : bytes.length;
      if (await expectSame(bytes.subarray(0, end), `${name}, file ${i}`)) decoded++;
    }
    expect(decoded).toBeGreaterThan(300);
  });

  it("keeps nothing of a picture before, of whatever size, or that was damaged", async () => {
    const [small, large] = [encodeJpeg(noise(40, 30, 1), 90), encodeJpeg(noise(900, 500, 2), 90)];
    const cut = large.subarray(0, large.length / 2);
    // 17 MB of data behind the picture, more than a decoder keeps.
    const huge = new Uint8Array(17_000_000);
    huge.set(small);
    for (const bytes of [
      small,
      large,
      cut,
      bytesOf("grey.jpg"),
      huge,
      small,
      bytesOf("sampling 2x2.jpg"),
      cut,
      large,
    ]) {
      expect(await expectSame(bytes, `${bytes.length} bytes`)).toBe(bytes !== cut);
    }
  });

  it("stays within the budget", async () => {
    const large = encodeJpeg(noise(300, 200, 2), 90);
    await expect(decodeBaseline(large, new DecodeBudget("test", { maxPixels: 100 }))).rejects.toThrow(/300×200 pixels/);
  });

  it("is what decodes ordinary files, and others do where there is no SIMD", async () => {
    const bytes = bytesOf("sampling 2x2.jpg");
    const wanted = sha256((await decodeImage(bytes)).data);
    expect(wanted).toBe(files["sampling 2x2.jpg"].expected?.sha256);
    vi.resetModules();
    const compile = vi.spyOn(WebAssembly, "compile").mockRejectedValueOnce(new WebAssembly.CompileError("no SIMD"));
    try {
      const fresh = await import("../../../src/image/decode.js");
      expect(sha256((await fresh.decodeImage(bytes)).data)).toBe(wanted);
      // This decoder's module, then mozjpeg's.
      expect(compile).toHaveBeenCalledTimes(2);
    } finally {
      compile.mockRestore();
      vi.resetModules();
    }
  });
});
