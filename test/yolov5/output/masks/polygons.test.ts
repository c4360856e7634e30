import { describe, expect, it } from "vitest";
import { seededRandom } from "../../../../src/tensor/index.js";
import {
  findExternalContours,
  largestContour,
  normalizedPolygon,
} from "../../../../src/yolov5/output/masks/polygons.js";
import {
  type BinaryMask,
  decodeRle,
  encodeRle,
  maskArea,
  maskFromBitmap,
  maskToBitmap,
  rleArea,
} from "../../../../src/yolov5/output/masks/rle.js";
import { maskOf, postprocessFixture } from "../postprocessFixture.js";

describe("contours and runs against OpenCV and NumPy", () => {
  it.each(postprocessFixture().contours.map((c, i) => [i, c] as const))("mask %i", (_, c) => {
    const mask = maskOf(c.mask);
    expect(findExternalContours(mask).map((contour) => Array.from(contour))).toEqual(c.contours);
    expect(encodeRle(mask).counts).toEqual(c.rle);
  });

  it("of the stored rectangle of a larger mask are the same", () => {
    const inner = maskOf(["##.", "###", ".#."]);
    const moved: BinaryMask = { ...inner, width: 10, height: 8, x0: 4, y0: 2, x1: 7, y1: 5 };
    const whole = maskFromBitmap(maskToBitmap(moved), 8, 10);
    expect(findExternalContours(moved)).toEqual(findExternalContours(whole));
    expect(encodeRle(moved)).toEqual(encodeRle(whole));
  });
});

describe("polygons", () => {
  it("are the contour with the most points", () => {
    const mask = maskOf(["####....", "####....", "####..#.", "####.###", "......#."]);
    expect(largestContour(mask)).toHaveLength(8);
    expect(Array.from(largestContour(maskOf(["..", ".."])))).toEqual([]);
  });

  it("are normalised by the original picture, through the letterbox", () => {
    // 4×2 original in an 8×8 input: gain 2, two rows of padding above and below.
    const mask = maskOf([
      "........",
      "........",
      "####....",
      "####....",
      "........",
      "........",
      "........",
      "........",
    ]);
    expect(Array.from(normalizedPolygon(mask, [2, 4]))).toEqual([0, 0, 0, 0.25, 0.375, 0.25, 0.375, 0]);
    const native = maskOf(["##..", "##.."]);
    expect(Array.from(normalizedPolygon(native, [2, 4]))).toEqual([0, 0, 0, 0.5, 0.25, 0.5, 0.25, 0]);
  });
});

describe("run lengths", () => {
  it("begin with zeros, run down the columns and survive a round trip", () => {
    expect(encodeRle(maskOf(["..", ".."]))).toEqual({ counts: [4], size: [2, 2] });
    expect(encodeRle(maskOf(["##", "##"]))).toEqual({ counts: [0, 4], size: [2, 2] });
    expect(encodeRle(maskOf([".#", "#."])).counts).toEqual([1, 2, 1]);
  });

  it("of random rectangles of random masks survive a round trip", () => {
    const random = seededRandom(3);
    for (let n = 0; n < 300; n++) {
      const [width, height] = [1 + Math.floor(random() * 9), 1 + Math.floor(random() * 9)];
      const x0 = Math.floor(random() * width);
      const y0 = Math.floor(random() * height);
      const x1 = x0 + Math.floor(random() * (width - x0 + 1));
      const y1 = y0 + Math.floor(random() * (height - y0 + 1));
      const data = Uint8Array.from({ length: (x1 - x0) * (y1 - y0) }, () => (random() < 0.6 ? 1 : 0));
      const mask = { width, height, x0, y0, x1, y1, data };
      const rle = encodeRle(mask);
      expect(decodeRle(rle)).toEqual(maskToBitmap(mask));
      expect(rle.counts.slice(1).every((run) => run > 0)).toBe(true);
      expect(rleArea(rle)).toBe(maskArea(mask));
    }
  });

  it("are refused if they do not fill the size", () => {
    for (const counts of [[3], [5], [2, -1, 3], [0, 2, 1]]) {
      expect(() => decodeRle({ counts, size: [2, 2] })).toThrow(/do not add up to 2×2/);
    }
  });
});
