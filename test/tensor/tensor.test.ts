/** Host tensors: shapes, conversions, comparison. */

import { describe, expect, it } from "vitest";
import { ShapeError } from "../../src/errors.js";
import {
  allClose,
  allocate,
  BYTES_PER_ELEMENT,
  compare,
  contiguousStrides,
  type DType,
  elementCount,
  formatShape,
  reshape,
  tensor,
  toFloat32,
} from "../../src/tensor/index.js";

const f32 = (shape: readonly number[], ...values: number[]) => tensor("float32", shape, Float32Array.from(values));

describe("tensor", () => {
  it("is zero without data", () => {
    expect([...tensor("int32", [2, 2]).data]).toEqual([0, 0, 0, 0]);
    expect(tensor("float32", []).data).toHaveLength(1);
    expect(tensor("float32", [2, 0, 3]).data).toHaveLength(0);
  });

  it("refuses data that does not fill the shape", () => {
    expect(() => f32([2, 3], 1, 2, 3, 4, 5)).toThrow(ShapeError);
    expect(() => f32([2, 3], 1, 2, 3, 4, 5)).toThrow("tensor: 5 elements do not fill the shape 2×3 (6)");
  });

  it("reshapes without copying, if the number of elements stays the same", () => {
    const x = f32([2, 3], 1, 2, 3, 4, 5, 6);
    expect(reshape(x, [3, 2]).data).toBe(x.data);
    expect(reshape(x, [6, 1]).shape).toEqual([6, 1]);
    expect(() => reshape(x, [4, 2])).toThrow("tensor: 6 elements do not fill the shape 4×2 (8)");
    expect(() => reshape(x, [2, -3])).toThrow(ShapeError);
  });

  it("counts, strides, prints", () => {
    expect(elementCount([2, 3, 4])).toBe(24);
    expect(elementCount([])).toBe(1);
    expect(contiguousStrides([2, 3, 4])).toEqual([12, 4, 1]);
    expect(formatShape([1, 3, 640, 640])).toBe("1×3×640×640");
    expect(formatShape([])).toBe("scalar");
  });

  it("knows the size of every dtype", () => {
    for (const [dtype, bytes] of Object.entries(BYTES_PER_ELEMENT)) {
      expect(allocate(dtype as DType, 3).byteLength).toBe(3 * bytes);
    }
  });
});

describe("toFloat32", () => {
  it("leaves float32 alone and converts the rest", () => {
    const x = f32([1], 2.5);
    expect(toFloat32(x)).toBe(x);
    expect([...toFloat32(tensor("int64", [2], BigInt64Array.of(-3n, 2n ** 40n))).data]).toEqual([-3, 2 ** 40]);
    expect([...toFloat32(tensor("float64", [1], Float64Array.of(0.1))).data]).toEqual([Math.fround(0.1)]);
    expect([...toFloat32(tensor("float16", [2], Uint16Array.of(0x3c00, 0xc000))).data]).toEqual([1, -2]);
    expect([...toFloat32(tensor("bfloat16", [2], Uint16Array.of(0x3f80, 0xc000))).data]).toEqual([1, -2]);
    expect([...toFloat32(tensor("bool", [2], Uint8Array.of(0, 1))).data]).toEqual([0, 1]);
    expect(toFloat32(tensor("uint8", [2, 1], Uint8Array.of(7, 255))).shape).toEqual([2, 1]);
  });
});

describe("compare", () => {
  it("gives the largest difference, its position and the normalised squared error", () => {
    const result = compare(f32([2, 2], 1, 2, 3.5, 4), f32([2, 2], 1, 2, 3, 4.25));
    expect(result.maxAbs).toBe(0.5);
    expect(result.worstIndex).toBe(2);
    expect(result.nmse).toBeCloseTo((0.25 + 0.0625) / (1 + 4 + 9 + 4.25 ** 2), 15);
  });

  it("finds nothing in equal tensors, zeros included", () => {
    expect(compare(f32([2], 0, 0), f32([2], 0, 0))).toEqual({ maxAbs: 0, nmse: 0, worstIndex: -1 });
    expect(compare(f32([2], 0, 1), f32([2], 0, 0)).nmse).toBe(Number.POSITIVE_INFINITY);
  });

  it("treats NaN as the worst difference, wherever it is", () => {
    for (const at of [0, 1, 2]) {
      const data = [5, 6, 7].map((v, i) => (i === at ? Number.NaN : v));
      const result = compare(f32([3], ...data), f32([3], 1, 6, 9));
      expect(result.maxAbs).toBeNaN();
      expect(result.nmse).toBeNaN();
      expect(result.worstIndex).toBe(at);
    }
    expect(compare(f32([1], 1), f32([1], Number.NaN)).maxAbs).toBeNaN();
  });

  it("refuses different shapes, even with equal counts", () => {
    expect(() => compare(f32([2, 1], 1, 2), f32([1, 2], 1, 2))).toThrow("compare: shape 2×1 is not the expected 1×2");
  });

  it("compares across dtypes by value", () => {
    const whole = tensor("int64", [2], BigInt64Array.of(1n, 3n));
    expect(compare(whole, f32([2], 1, 2)).maxAbs).toBe(1);
  });
});

describe("allClose", () => {
  it("allows absolute + relative × |expected|", () => {
    expect(allClose(f32([1], 101), f32([1], 100), 0.01, 0)).toBe(true);
    expect(allClose(f32([1], 101.5), f32([1], 100), 0.01, 0)).toBe(false);
    expect(allClose(f32([1], 0.5), f32([1], 0), 0.01, 0.5)).toBe(true);
  });

  it("is never true for NaN, and for infinities only if both are equal", () => {
    const [nan, infinity] = [Number.NaN, Number.POSITIVE_INFINITY];
    expect(allClose(f32([1], nan), f32([1], nan), 1, 1)).toBe(false);
    expect(allClose(f32([1], nan), f32([1], 0), 1, 1)).toBe(false);
    expect(allClose(f32([1], 0), f32([1], nan), 1, 1)).toBe(false);
    expect(allClose(f32([1], infinity), f32([1], infinity), 0, 0)).toBe(true);
    expect(allClose(f32([1], 1), f32([1], infinity), 1, 1)).toBe(false);
    expect(allClose(f32([1], -infinity), f32([1], infinity), 1, 1)).toBe(false);
  });

  it("is false for different shapes", () => {
    expect(allClose(f32([2, 1], 1, 2), f32([1, 2], 1, 2), 1, 1)).toBe(false);
    expect(allClose(f32([2], 1, 2), f32([1], 1), 1, 1)).toBe(false);
  });
});
