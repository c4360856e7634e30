/** Resizing against OpenCV 4.6, bit for bit. */

import { describe, expect, it } from "vitest";
import { ShapeError } from "../../../src/errors.js";
import { resizeArea, resizeLinear } from "../../../src/image/index.js";
import { noise, type ResizeFixtures, readFixture, sha256 } from "../support.js";

const { resizes } = readFixture<ResizeFixtures>("resize.json");

describe.each(resizes)("$from → $to", ({ seed, from, to, linear, area }) => {
  const source = noise(from[0], from[1], seed);
  it("INTER_LINEAR", () => {
    const resized = resizeLinear(source, to[0], to[1]);
    expect([resized.width, resized.height]).toEqual(to);
    expect(sha256(resized.data)).toBe(linear);
  });
  it.skipIf(area === null)("INTER_AREA", () => {
    expect(sha256(resizeArea(source, to[0], to[1]).data)).toBe(area);
  });
});

it("both halve by the rounded mean of four", () => {
  const source = noise(8, 6, 9);
  const mean = new Uint8Array(4 * 3 * 3);
  for (let i = 0; i < mean.length; i++) {
    const [c, x, y] = [i % 3, Math.floor(i / 3) % 4, Math.floor(i / 12)];
    const at = (u: number, v: number) => source.data[((2 * y + v) * 8 + 2 * x + u) * 3 + c];
    mean[i] = (at(0, 0) + at(1, 0) + at(0, 1) + at(1, 1) + 2) >> 2;
  }
  expect(resizeLinear(source, 4, 3).data).toEqual(mean);
  expect(resizeArea(source, 4, 3).data).toEqual(mean);
});

it("empty sizes are refused, and so is enlarging by area", () => {
  const source = noise(4, 4, 1);
  expect(() => resizeLinear(source, 0, 3)).toThrow(ShapeError);
  expect(() => resizeArea(source, 5, 4)).toThrow(/only shrinks/);
});
