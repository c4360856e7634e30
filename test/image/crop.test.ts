/** Rectangles of pictures, pixel by pixel. */

import { expect, test } from "vitest";
import { crop } from "../../src/image/index.js";

const [width, height] = [7, 5];
const image = { width, height, data: Uint8Array.from({ length: width * height * 3 }, (_, i) => i) };

test.each([
  [0, 0, 7, 5],
  [2, 1, 3, 2],
  [6, 4, 1, 1],
  [0, 3, 7, 2],
])("x %i, y %i, %i×%i", (x, y, w, h) => {
  const part = crop(image, { x, y, width: w, height: h });
  expect([part.width, part.height, part.data.length]).toEqual([w, h, w * h * 3]);
  for (let row = 0; row < h; row++) {
    for (let i = 0; i < w * 3; i++) {
      expect(part.data[row * w * 3 + i]).toBe(image.data[((y + row) * width + x) * 3 + i]);
    }
  }
});

test("the pixels are a copy, and nothing but the data of the picture is kept", () => {
  const part = crop({ ...image, drawable: {} }, { x: 0, y: 0, width, height });
  expect(part).toEqual({ width, height, data: image.data });
  expect(part.data.buffer).not.toBe(image.data.buffer);
});
