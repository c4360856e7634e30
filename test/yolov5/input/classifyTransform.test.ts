/** Classification's preprocessing against OpenCV and NumPy, bit for bit. */

import { describe, expect, it } from "vitest";
import { OptionError } from "../../../src/errors.js";
import { CLASSIFY_TRANSFORMS } from "../../../src/yolov5/input/classifyTransform.js";
import { noise, type ResizeFixtures, readFixture, sha256 } from "../../image/support.js";

const { classified } = readFixture<ResizeFixtures>("resize.json");

const { yolov5: classifyTransform } = CLASSIFY_TRANSFORMS;

describe("classifyTransform", () => {
  it.each(classified)("$from at $size", ({ seed, from, size, sha256: expected }) => {
    const { shape, data } = classifyTransform.toTensor([classifyTransform.crop(noise(from[0], from[1], seed), size)]);
    expect(shape).toEqual([1, 3, size, size]);
    expect(sha256(new Uint8Array(data.buffer))).toBe(expected);
  });

  it("crops columns 1 to 3 of a 5×3 picture", () => {
    const data = Uint8Array.from({ length: 5 * 3 * 3 }, (_, i) => 50 * (Math.floor(i / 3) % 5));
    const cropped = classifyTransform.crop({ width: 5, height: 3, data }, 3);
    expect([...cropped.data.subarray(0, 9)]).toEqual([50, 50, 50, 100, 100, 100, 150, 150, 150]);
  });

  it("refuses an empty list and pictures of several sizes", () => {
    expect(() => classifyTransform.toTensor([])).toThrow(OptionError);
    expect(() => classifyTransform.toTensor([noise(2, 2, 1), noise(3, 3, 1)])).toThrow(/picture 1 has 3×3/);
  });
});
