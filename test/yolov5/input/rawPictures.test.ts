/** Raw pixels as pictures. */

import { describe, expect, it } from "vitest";
import { ImageError } from "../../../src/errors.js";
import { decodeImage } from "../../../src/image/index.js";
import { type RawPicture, rawToRgb, readPicture } from "../../../src/yolov5/input/pictures.js";
import { boxes, LOW, modelOf, noise } from "../recordedModel.js";

describe("raw pictures", () => {
  const red = { width: 2, height: 1 } as const;

  it.each<[string, RawPicture]>([
    ["rgb by length", { ...red, data: Uint8Array.of(200, 30, 60, 1, 2, 3) }],
    ["rgb", { ...red, data: Uint8Array.of(200, 30, 60, 1, 2, 3), channels: "rgb" }],
    ["3", { ...red, data: Uint8Array.of(200, 30, 60, 1, 2, 3), channels: 3 }],
    ["bgr", { ...red, data: Uint8Array.of(60, 30, 200, 3, 2, 1), channels: "bgr" }],
    ["rgba by length, alpha dropped", { ...red, data: Uint8ClampedArray.of(200, 30, 60, 0, 1, 2, 3, 255) }],
    ["bgra", { ...red, data: Uint8Array.of(60, 30, 200, 0, 3, 2, 1, 255), channels: "bgra" }],
    ["ImageData", { ...red, data: Uint8ClampedArray.of(200, 30, 60, 128, 1, 2, 3, 0), channels: 4 }],
  ])("%s", (_, picture) => {
    expect(rawToRgb(picture)).toEqual({ width: 2, height: 1, data: Uint8Array.of(200, 30, 60, 1, 2, 3) });
  });

  it("grey becomes three equal channels", () => {
    for (const channels of [undefined, 1, "grey"] as const) {
      const picture: RawPicture = { width: 1, height: 2, data: Uint8Array.of(7, 9), channels };
      expect([...rawToRgb(picture).data]).toEqual([7, 7, 7, 9, 9, 9]);
    }
  });

  it("bgr and rgb bytes of one picture give the same boxes", async () => {
    const model = modelOf();
    const rgb = noise(48, 40, 4);
    const swapped = rgb.data.slice();
    for (let i = 0; i < swapped.length; i += 3) [swapped[i], swapped[i + 2]] = [swapped[i + 2], swapped[i]];
    const found = await model.detect([rgb, { ...rgb, data: swapped, channels: "bgr" }, { ...rgb, data: swapped }], LOW);
    const [a, b, c] = boxes(found);
    expect(b).toEqual(a);
    expect(c).not.toEqual(a);
    model.dispose();
  });

  it.each<[string, unknown, string]>([
    ["too few bytes", { ...red, data: new Uint8Array(5) }, "5 bytes do not fill 2×1 pixels of 1, 3 or 4 channels"],
    [
      "other channels than said",
      { ...red, data: new Uint8Array(6), channels: 4 },
      "6 bytes do not fill 2×1 pixels of 4",
    ],
    [
      "an unknown order",
      { ...red, data: new Uint8Array(6), channels: "constructor" },
      "pixels of constructor channels",
    ],
    ["no pixels", { width: 0, height: 4, data: new Uint8Array(0) }, "at least 1, got 0×4"],
    ["negative sides", { width: -1, height: -2, data: new Uint8Array(6) }, "at least 1, got -1×-2"],
    ["half pixels", { width: 1.5, height: 2, data: new Uint8Array(9) }, "at least 1, got 1.5×2"],
    [
      "floats",
      { ...red, data: new Float32Array(6) },
      "must be bytes (Uint8Array or Uint8ClampedArray), got Float32Array",
    ],
  ])("refuses %s", async (_, picture, message) => {
    expect(() => rawToRgb(picture as RawPicture)).toThrow(ImageError);
    expect(() => rawToRgb(picture as RawPicture)).toThrow(message);
    await expect(readPicture(picture, { decode: decodeImage })).rejects.toThrow(message);
  });

  it("readPicture passes other sources to the platform", async () => {
    for (const source of ["a.jpg", 7, null, undefined, {}]) {
      expect(await readPicture(source, { decode: decodeImage })).toBeUndefined();
    }
  });
});
