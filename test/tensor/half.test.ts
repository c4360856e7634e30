/** Half floats: every pattern, and the rounding of PyTorch. */

import { describe, expect, it } from "vitest";
import {
  bfloat16ArrayToFloat32,
  float32ArrayToHalf,
  floatToHalf,
  type HostTensor,
  halfArrayToFloat32,
  halfToFloat,
  tensor,
  toFloat32,
  toFloat32Later,
} from "../../src/tensor/index.js";
import { readOpFixture } from "../ops/fixture.js";

const { halves } = readOpFixture();
const floatsOf = (bits: readonly number[]): Float32Array => new Float32Array(Uint32Array.from(bits).buffer);

describe("float16", () => {
  it("all 65,536 patterns survive a round trip, NaNs as NaN", () => {
    const wrong: number[] = [];
    let nans = 0;
    for (let h = 0; h < 65536; h++) {
      const value = halfToFloat(h);
      if (Number.isNaN(value)) {
        nans++;
        if ((floatToHalf(value) & 0x7fff) !== 0x7e00) wrong.push(h);
      } else if (floatToHalf(value) !== h || Math.fround(value) !== value) wrong.push(h);
    }
    expect(wrong).toEqual([]);
    expect(nans).toBe(2 * 1023);
  });

  it("values increase with the pattern, from −65504 to 65504", () => {
    const fallen: number[] = [];
    for (let h = 1; h <= 0x7c00; h++) if (!(halfToFloat(h) > halfToFloat(h - 1))) fallen.push(h);
    expect(fallen).toEqual([]);
    expect(halfToFloat(0x7bff)).toBe(65504);
    expect(halfToFloat(0x7c00)).toBe(Number.POSITIVE_INFINITY);
    expect(halfToFloat(0xfc00)).toBe(Number.NEGATIVE_INFINITY);
    expect(halfToFloat(1)).toBe(2 ** -24);
    expect(Object.is(halfToFloat(0x8000), -0)).toBe(true);
  });

  it("numbers are rounded to the nearest pattern, ties to even", () => {
    const wrong: number[] = [];
    for (let h = 0; h < 0x7bff; h++) {
      const [low, high] = [halfToFloat(h), halfToFloat(h + 1)];
      const middle = (low + high) / 2;
      const even = h % 2 === 0 ? h : h + 1;
      const near = (high - low) / 64;
      if (floatToHalf(middle) !== even || floatToHalf(-middle) !== (even | 0x8000)) wrong.push(h);
      if (floatToHalf(middle - near) !== h || floatToHalf(middle + near) !== h + 1) wrong.push(h);
    }
    expect(wrong).toEqual([]);
  });

  it("rounds as PyTorch does", () => {
    expect([...float32ArrayToHalf(floatsOf(halves.float32))]).toEqual([...halves.float16]);
  });

  it("converts arrays as it converts numbers", () => {
    const patterns = Uint16Array.of(0, 1, 0x3ff, 0x400, 0x3c00, 0x7bff, 0x7c00, 0x8001, 0xc000);
    expect([...halfArrayToFloat32(patterns)]).toEqual([...patterns].map(halfToFloat));
  });
});

describe("bfloat16", () => {
  it("is the upper half of a float32, as in PyTorch", () => {
    const actual = new Uint32Array(bfloat16ArrayToFloat32(Uint16Array.from(halves.bfloat16)).buffer);
    expect([...actual]).toEqual([...halves.bfloat16AsFloat32]);
  });
});

describe("toFloat32Later", () => {
  const source = (): HostTensor<"float16"> => tensor("float16", [4], Uint16Array.from([0x3c00, 0xc000, 0, 0x7bff]));

  it("gives what toFloat32 gives, once somebody asks for it", () => {
    const later = toFloat32Later(source());
    expect(later.data).toEqual(toFloat32(source()).data);
    expect(later.data).toBe(later.data);
  });

  it("copies and clones have their numbers", () => {
    expect({ ...toFloat32Later(source()) }.data[1]).toBe(-2);
    expect(structuredClone(toFloat32Later(source())).data[3]).toBe(65504);
  });

  it("leaves other types to toFloat32", () => {
    const floats = tensor("float32", [2], Float32Array.from([1, 2]));
    expect(toFloat32Later(floats)).toBe(floats);
  });
});
