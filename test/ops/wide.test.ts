/** Weights of fifteen bits: their two bytes, what their rounding loses, and that sums of them fit. */

import { describe, expect, it } from "vitest";
import { isInteger, wideBytes, wideScales, wideWeight } from "../../src/ops/index.js";
import { wideLevels } from "../../src/ops/quantized/wide.js";
import { tensor } from "../../src/tensor/index.js";
import { randomTensor } from "../support/random.js";

describe("wide weights", () => {
  it("are two signed bytes each", () => {
    for (let whole = -wideLevels(1); whole <= wideLevels(1); whole++) {
      const { high, low } = wideBytes(whole);
      expect(high * 128 + low).toBe(whole);
      expect(Math.max(Math.abs(high + 0.5), Math.abs(low + 0.5))).toBeLessThan(128);
    }
  });

  it.each([1, 64, 518, 519, 1280, 5000])("give sums of %i products that fit 32 bits", (products) => {
    expect(wideLevels(products) * 255 * products).toBeLessThan(2 ** 31);
    expect(wideLevels(products)).toBe(products <= 518 ? 16256 : wideLevels(products));
    expect(wideLevels(products)).toBeGreaterThan(1000);
  });

  it("are within half a step of the weight, zeros included", () => {
    const source = randomTensor([3, 40, 1, 1], 7);
    source.data.fill(0, 40, 80);
    const scales = wideScales(source);
    const weight = wideWeight(source, scales);
    for (const [i, value] of weight.data.entries()) {
      const scale = scales.data[Math.floor(i / 40)];
      expect(Math.abs(value - source.data[i])).toBeLessThanOrEqual(scale * 0.501);
    }
    expect(scales.data[1]).toBe(1);
    expect(weight.data.slice(40, 80).every((value) => value === 0)).toBe(true);
  });

  it("are for 1×1 convolutions alone", () => {
    const attrs = {
      stride: [1, 1],
      padding: [0, 0],
      dilation: [1, 1],
      groups: 1,
      activation: { kind: "identity" },
      hasBias: false,
      hasResidual: false,
      quantization: { inputScale: 1, inputZeroPoint: 0, weightScales: tensor("float32", [1]).data, wide: true },
    } as const;
    expect(isInteger(attrs, [1, 8, 1, 1])).toBe(true);
    expect(isInteger(attrs, [1, 8, 3, 3])).toBe(false);
    expect(isInteger({ ...attrs, groups: 2 }, [2, 4, 1, 1])).toBe(false);
  });
});
