/** The JPEG encoder: the files of jpeg-js byte for byte, at every quality and for every kind of size. */

import { encode as encodeJpegJs } from "jpeg-js";
import { describe, expect, it } from "vitest";
import { encoderModule } from "../../../scripts/jpeg/encoder.js";
import { decodeImage, encodeJpeg, type RgbImage } from "../../../src/image/index.js";
import { encodeBaseline } from "../../../src/image/jpeg/encode/encode.js";
import { WASM_BASE64 } from "../../../src/image/jpeg/encode/encoderModule.generated.js";
import { encodeByWasm } from "../../../src/image/jpeg/encode/wasmEncoder.js";

/** Smooth areas, edges and noise, from a seed. */
function picture(width: number, height: number, seed: number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  let state = seed >>> 0;
  for (let at = 0; at < data.length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const x = Math.floor(at / 3) % width;
    const y = Math.floor(at / 3 / width);
    const smooth = 128 + 100 * Math.sin(x / 9 + (at % 3)) * Math.cos(y / 7);
    const kind = (Math.floor(x / 16) + Math.floor(y / 16) + seed) % 4;
    data[at] = [smooth, state >>> 24, (x & 8) * 30, 0][kind];
  }
  return { width, height, data };
}

function byJpegJs({ width, height, data }: RgbImage, quality: number): Buffer {
  const rgba = new Uint8Array(width * height * 4);
  for (let i = 0; i < width * height; i++) rgba.set(data.subarray(3 * i, 3 * i + 3), 4 * i);
  return encodeJpegJs({ width, height, data: rgba }, quality).data;
}

function expectSame(image: RgbImage, quality: number): void {
  const wanted = byJpegJs(image, quality);
  for (const wasm of [true, false]) {
    const own = Buffer.from(encodeBaseline(image, quality, { wasm }));
    // Not `toEqual`, which takes seconds for as many bytes.
    expect(own.equals(wanted), `${image.width}×${image.height} at ${quality}, wasm ${wasm}`).toBe(true);
  }
}

describe("encodeJpeg", () => {
  it("writes the same bytes as jpeg-js at every quality", () => {
    for (let quality = 1; quality <= 100; quality++) expectSame(picture(40, 24, quality), quality);
  });

  it("embeds the module of scripts/jpeg, and this host runs it", () => {
    expect(Buffer.from(encoderModule()).toString("base64")).toBe(WASM_BASE64);
    const tables = { factors: new Float64Array(64), dc: new Uint32Array(256), ac: new Uint32Array(256) };
    expect(encodeByWasm(picture(8, 8, 1), [tables, tables, tables], () => {})).toBeDefined();
  });

  it("does so for pictures that are wide or tall, one after the other", () => {
    for (const [width, height] of [
      [5000, 9],
      [3, 2000],
      [2049, 17],
    ])
      expectSame(picture(width, height, width), 90);
  });

  it("does so for sizes that do not fill their blocks", () => {
    for (const width of [1, 7, 8, 9, 15, 17]) {
      for (const height of [1, 3, 8, 10, 16, 23]) expectSame(picture(width, height, width * height), 95);
    }
  });

  it("does so for pictures of one colour, of two, and of pure noise", () => {
    const filled = (values: (at: number) => number): RgbImage => ({
      width: 50,
      height: 50,
      data: Uint8Array.from({ length: 7500 }, (_, at) => values(at)),
    });
    let state = 7;
    const noise = (): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state >>> 24;
    };
    const rows = [
      () => 0,
      () => 255,
      (at: number) => (at % 3 === 1 ? 255 : 0),
      (at: number) => ((at / 3) & 1) * 255,
      noise,
    ];
    for (const values of rows) for (const quality of [1, 50, 95, 100]) expectSame(filled(values), quality);
  });

  it("fits the longest codes: noise in large pictures at quality 100", () => {
    const image = picture(500, 300, 1);
    for (let at = 0; at < image.data.length; at++) image.data[at] = (Math.imul(at, 2654435761) >>> 13) & 1 ? 255 : 0;
    expectSame(image, 100);
    expectSame(picture(640, 480, 3), 95);
  });

  it("decodes to nearly the same pixels", async () => {
    const image = picture(64, 48, 0);
    for (let at = 0; at < image.data.length; at++) image.data[at] = 60 + ((at / 3) % 64) * 2;
    const back = await decodeImage(encodeJpeg(image, 95));
    let most = 0;
    for (let at = 0; at < image.data.length; at++) most = Math.max(most, Math.abs(back.data[at] - image.data[at]));
    expect(most).toBeLessThanOrEqual(4);
  });
});
