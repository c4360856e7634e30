/** PNG's row filters: as the specification has them, and only where bytes are wanted. */

import { describe, expect, it } from "vitest";
import { unfilter } from "../../src/image/png/unfilter.js";
import { seededRandom } from "../../src/tensor/index.js";

/** Section 9 of the specification, a byte at a time. */
function bySpecification(raw: Uint8Array, rows: number, rowBytes: number, pixelBytes: number): Uint8Array {
  const out = raw.slice();
  const stride = rowBytes + 1;
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < rowBytes; x++) {
      const i = y * stride + 1 + x;
      const a = x < pixelBytes ? 0 : out[i - pixelBytes];
      const b = y === 0 ? 0 : out[i - stride];
      const c = y === 0 || x < pixelBytes ? 0 : out[i - stride - pixelBytes];
      const p = a + b - c;
      const [pa, pb, pc] = [Math.abs(p - a), Math.abs(p - b), Math.abs(p - c)];
      const paeth = pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
      out[i] += [0, a, b, (a + b) >> 1, paeth][raw[y * stride]];
    }
  }
  return out;
}

const random = seededRandom(7);

describe("unfilter", () => {
  it.each([1, 2, 3, 4, 6, 8])("follows the specification, %i bytes per pixel", (pixelBytes) => {
    const [rows, rowBytes] = [25, 7 * pixelBytes];
    const raw = Uint8Array.from({ length: rows * (rowBytes + 1) }, () => random() * 256);
    for (let y = 0; y < rows; y++) raw[y * (rowBytes + 1)] = (y + pixelBytes) % 5;
    const expected = bySpecification(raw, rows, rowBytes, pixelBytes);
    const lanes = Array.from({ length: pixelBytes }, (_, i) => i);
    expect(unfilter(raw, 0, rows, rowBytes, pixelBytes, lanes)).toBeUndefined();
    expect(raw).toEqual(expected);
  });

  it("leaves alpha and the lower bytes of 16 bits alone", () => {
    const [rows, pixels] = [5, 4];
    const raw = new Uint8Array(rows * (pixels * 8 + 1)).fill(1);
    for (let y = 0; y < rows; y++) raw[y * (pixels * 8 + 1)] = y;
    unfilter(raw, 0, rows, pixels * 8, 8, [0, 2, 4]);
    for (let y = 1; y < rows; y++) {
      const row = raw.subarray(y * (pixels * 8 + 1) + 1, (y + 1) * (pixels * 8 + 1));
      for (const [i, value] of row.entries()) if (![0, 2, 4].includes(i % 8)) expect(value).toBe(1);
      expect(row.some((value) => value > 1)).toBe(true);
    }
  });

  it("reports an unknown filter", () => {
    expect(unfilter(Uint8Array.of(0, 1, 5, 1), 0, 2, 1, 1, [0])).toBe(5);
  });
});
