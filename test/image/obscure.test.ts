/** Obscured regions: what remains of them, and that everything else stays as it was. */

import { describe, expect, test } from "vitest";
import { OBSCURE_STYLES, type ObscureStyle, obscure, type Region } from "../../src/image/obscure.js";
import type { RgbImage } from "../../src/image/types.js";
import { randomTensor } from "../support/random.js";

const [WIDTH, HEIGHT] = [97, 61];

function noise(): RgbImage {
  const { data } = randomTensor([HEIGHT, WIDTH, 3], 7);
  return { width: WIDTH, height: HEIGHT, data: Uint8Array.from(data, (value) => (value + 1) * 128) };
}

const obscured = (region: Region, style?: ObscureStyle): RgbImage => {
  const image = noise();
  obscure(image, region, style);
  return image;
};
const pixel = ({ data }: RgbImage, x: number, y: number): number[] => [
  ...data.subarray((y * WIDTH + x) * 3, (y * WIDTH + x) * 3 + 3),
];
const inside = ([x1, y1, x2, y2]: Region["xyxy"], x: number, y: number): boolean =>
  x >= x1 && x < x2 && y >= y1 && y < y2;

/** Mean square distance from the mean, over one channel of a window. */
function variance(image: RgbImage, [x1, y1, x2, y2]: Region["xyxy"]): number {
  const values: number[] = [];
  for (let y = y1; y < y2; y++) for (let x = x1; x < x2; x++) values.push(pixel(image, x, y)[0]);
  const mean = values.reduce((a, b) => a + b) / values.length;
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
}

describe.each(OBSCURE_STYLES)("%s", (style) => {
  test("keeps every pixel outside, and the inside does not depend on the outside", () => {
    const xyxy = [10, 5, 74, 45] as const;
    const [before, image] = [noise(), obscured({ xyxy }, style)];
    for (let y = 0; y < HEIGHT; y++) {
      for (let x = 0; x < WIDTH; x++) {
        if (!inside(xyxy, x, y)) expect(pixel(image, x, y)).toEqual(pixel(before, x, y));
      }
    }
    const other = noise();
    other.data.forEach((_, i) => {
      if (!inside(xyxy, Math.floor(i / 3) % WIDTH, Math.floor(i / 3 / WIDTH))) other.data[i] = 0;
    });
    obscure(other, { xyxy }, style);
    for (let y = 5; y < 45; y++) {
      for (let x = 10; x < 74; x++) expect(pixel(other, x, y)).toEqual(pixel(image, x, y));
    }
  });

  test("removes noise but keeps its mean", () => {
    const xyxy = [10, 5, 74, 45] as const;
    expect(variance(noise(), xyxy)).toBeGreaterThan(4000);
    expect(variance(obscured({ xyxy }, style), xyxy)).toBeLessThan(200);
    const mean = (image: RgbImage): number => {
      let sum = 0;
      for (let y = 5; y < 45; y++) for (let x = 10; x < 74; x++) sum += pixel(image, x, y)[1];
      return sum / (64 * 40);
    };
    expect(Math.abs(mean(obscured({ xyxy }, style)) - mean(noise()))).toBeLessThan(5);
  });

  test("accepts regions at, across and beyond the edges, and rounds fractions outwards", () => {
    expect(obscured({ xyxy: [-50, -50, 400, 400] }, style).data).toEqual(
      obscured({ xyxy: [0, 0, WIDTH, HEIGHT] }, style).data,
    );
    expect(obscured({ xyxy: [10.6, 5.2, 73.1, 44.9] }, style).data).toEqual(
      obscured({ xyxy: [10, 5, 74, 45] }, style).data,
    );
    for (const xyxy of [
      [WIDTH, 0, WIDTH + 9, 9],
      [20, 20, 20, 40],
      [40, 20, 30, 40],
      [Number.NaN, 0, 9, 9],
    ] as const) {
      expect(obscured({ xyxy }, style).data).toEqual(noise().data);
    }
    expect(() => obscured({ xyxy: [3, 3, 4, 4] }, style)).not.toThrow();
  });

  test("changes only the rectangles of an outline", () => {
    const xyxy = [10, 5, 74, 45] as const;
    const rectangles = [0, 0, 20, 10, 30, 20, 90, 30];
    const [whole, image, before] = [obscured({ xyxy }, style), obscured({ xyxy, rectangles }, style), noise()];
    for (let y = 0; y < HEIGHT; y++) {
      for (let x = 0; x < WIDTH; x++) {
        const changed = inside(xyxy, x, y) && (inside([0, 0, 20, 10], x, y) || inside([30, 20, 90, 30], x, y));
        expect(pixel(image, x, y)).toEqual(pixel(changed ? whole : before, x, y));
      }
    }
  });
});

test("a mosaic has eight cells along its longer side, of at least four pixels", () => {
  const image = obscured({ xyxy: [0, 0, 80, 40] });
  for (let y = 0; y < 40; y++) {
    for (let x = 0; x < 80; x++) expect(pixel(image, x, y)).toEqual(pixel(image, x - (x % 10), y - (y % 10)));
  }
  expect(pixel(image, 0, 0)).not.toEqual(pixel(image, 10, 0));
  const small = obscured({ xyxy: [0, 0, 8, 8] });
  expect(pixel(small, 3, 3)).toEqual(pixel(small, 0, 0));
  expect(pixel(small, 4, 3)).not.toEqual(pixel(small, 3, 3));
});

test("gaussian: a point becomes the bell of three box filters", () => {
  const size = 65;
  const image: RgbImage = { width: size, height: size, data: new Uint8Array(size * size * 3) };
  for (let y = 24; y < 41; y++)
    for (let x = 24; x < 41; x++) image.data.fill(255, (y * size + x) * 3, (y * size + x) * 3 + 3);
  obscure(image, { xyxy: [0, 0, size, size] }, "gaussian");
  const at = (x: number): number => image.data[(32 * size + x) * 3];
  // Down from the middle on both sides alike.
  for (let x = 32; x < size - 1; x++) expect(at(x + 1)).toBeLessThanOrEqual(at(x));
  for (let x = 0; x < size; x++) expect(Math.abs(at(x) - at(size - 1 - x))).toBeLessThanOrEqual(1);
  expect(at(32)).toBeLessThan(200);
});
