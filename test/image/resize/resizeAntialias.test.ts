/** Bytes that Pillow 12.3 gives for `resize(…, BILINEAR)`. */

import { describe, expect, it } from "vitest";
import { resizeAntialias } from "../../../src/image/resize/resizeAntialias.js";

const picture = (width: number, height: number) => ({
  width,
  height,
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * i * 37 + i * 11) % 256),
});

describe("Pillow's resize", () => {
  it.each([
    [
      [5, 4],
      [3, 2],
      [79, 137, 160, 129, 167, 160, 95, 172, 218, 115, 125, 111, 132, 114, 116, 125, 138, 179],
    ],
    [
      [9, 2],
      [2, 2],
      [72, 146, 194, 104, 207, 171, 163, 123, 139, 116, 104, 118],
    ],
    [
      [4, 3],
      [7, 5],
      [
        0, 48, 170, 39, 75, 185, 102, 119, 209, 114, 111, 182, 111, 107, 159, 58, 180, 212, 24, 226, 246, 34, 130, 197,
        51, 135, 191, 79, 144, 180, 108, 153, 169, 129, 165, 163, 99, 204, 181, 80, 228, 193, 84, 252, 238, 69, 225,
        199, 45, 181, 136, 98, 215, 150, 155, 252, 168, 160, 239, 135, 164, 230, 114, 77, 163, 221, 84, 158, 204, 96,
        150, 177, 108, 143, 150, 123, 139, 127, 164, 161, 130, 190, 175, 131, 72, 104, 210, 94, 114, 208, 130, 130, 204,
        114, 95, 150, 102, 64, 99, 167, 109, 126, 208, 138, 142,
      ],
    ],
  ])("%s → %s", ([width, height], [w, h], expected) => {
    const resized = resizeAntialias(picture(width, height), w, h);
    expect([resized.width, resized.height]).toEqual([w, h]);
    expect([...resized.data]).toEqual(expected);
  });
});
