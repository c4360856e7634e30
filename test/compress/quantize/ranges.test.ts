/** Weights, histograms and ranges of the int8 conversion on toys whose answers are known. */

import { describe, expect, it } from "vitest";
import { HALF_BINS } from "../../../src/compress/quantize/histogram.js";
import { activationQuantization, Histogram, quantizeWeight, rangeOf } from "../../../src/compress/quantize/index.js";
import { NumericError } from "../../../src/errors.js";
import { seededRandom, tensor } from "../../../src/tensor/index.js";
import { dequantizeWeight } from "../../../src/yolov5/checkpoint/quantized.js";

describe("weights", () => {
  it("the largest of a channel is 127 steps, others are rounded to nearest, ties to even", () => {
    const source = tensor("float32", [2, 4], Float32Array.of(127, -63.5, 0.5, 1.5, -0.254, 0.13, 0, 0.002));
    const { weight, scales } = quantizeWeight(source);
    expect([...weight.data]).toEqual([127, -64, 0, 2, -127, 65, 0, 1]);
    expect(scales.data[0]).toBe(1);
    expect(scales.data[1]).toBeCloseTo(0.002, 8);
  });

  it("are off by at most half a step, and quantizing again is exact", () => {
    const random = seededRandom(3);
    const source = tensor(
      "float32",
      [16, 8, 3, 3],
      Float32Array.from({ length: 1152 }, () => random() - 0.5),
    );
    const { weight, scales } = quantizeWeight(source);
    const back = dequantizeWeight(weight, scales.data);
    source.data.forEach((value, i) => {
      expect(Math.abs(value - back.data[i])).toBeLessThanOrEqual(0.5001 * scales.data[Math.floor(i / 72)]);
    });
    const again = quantizeWeight(back);
    expect(again.weight.data).toEqual(weight.data);
  });

  it("a channel of zeros stays zero", () => {
    const { weight, scales } = quantizeWeight(tensor("float32", [2, 1, 1, 1], Float32Array.of(0, 1)));
    expect([...weight.data]).toEqual([0, 127]);
    expect(scales.data[0]).toBe(1);
  });
});

describe("histogram", () => {
  it("grows with its values without losing any", () => {
    const histogram = new Histogram();
    histogram.add(Float32Array.of(0.0001, -0.0002), "a");
    histogram.add(Float32Array.of(3, -5, 0), "b");
    expect(histogram.range).toBe(8);
    expect(histogram.counts.reduce((a, b) => a + b)).toBe(5);
    expect([histogram.minimum, histogram.maximum, histogram.total]).toEqual([-5, 3, 5]);
    const at = (value: number): number => histogram.counts[Math.floor(value / histogram.width) + HALF_BINS];
    expect([at(3), at(-5), at(0), at(-0.0002)]).toEqual([1, 1, 2, 1]);
  });

  it("refuses NaN and infinities, naming the tensor", () => {
    const histogram = new Histogram();
    expect(() => histogram.add(Float32Array.of(1, Number.NaN), "model.3.conv")).toThrow(NumericError);
    expect(() => histogram.add(Float32Array.of(Number.POSITIVE_INFINITY), "model.3.conv")).toThrow(/model\.3\.conv/);
  });
});

describe("ranges", () => {
  /** 100,000 values between −0.25 and 1, and ten at 100. */
  const histogram = new Histogram();
  const random = seededRandom(5);
  histogram.add(
    Float32Array.from({ length: 100_000 }, () => random() * 1.25 - 0.25),
    "x",
  );
  histogram.add(new Float32Array(10).fill(100), "x");

  it("min-max covers everything", () => {
    const { low, high } = rangeOf(histogram, "minmax");
    expect(low).toBeCloseTo(-0.25, 3);
    expect(high).toBe(100);
  });

  it("percentile leaves out the rarest values", () => {
    const { high } = rangeOf(histogram, "percentile", 99.9);
    expect(high).toBeGreaterThanOrEqual(0.95);
    expect(high).toBeLessThanOrEqual(1 + 2 * histogram.width);
    expect(rangeOf(histogram, "percentile", 99.995).high).toBe(100);
    expect(rangeOf(histogram, "percentile", 100)).toEqual(rangeOf(histogram, "minmax"));
  });

  it("entropy leaves out outliers, and keeps everything if there are none", () => {
    const { high } = rangeOf(histogram, "entropy");
    expect(high).toBeLessThan(50);
    const even = new Histogram();
    even.add(
      Float32Array.from({ length: 50_000 }, () => random() * 2),
      "even",
    );
    expect(rangeOf(even, "entropy").high).toBeGreaterThan(1.9);
  });

  it("always contain zero exactly", () => {
    const positive = new Histogram();
    positive.add(Float32Array.of(3, 4, 5), "p");
    for (const method of ["minmax", "percentile", "entropy"] as const) {
      expect(rangeOf(positive, method).low).toBe(0);
    }
    expect(rangeOf(new Histogram(), "minmax")).toEqual({ low: 0, high: 0 });
  });

  it("are covered by 256 steps", () => {
    expect(activationQuantization({ low: 0, high: 255 })).toEqual({ scale: 1, zeroPoint: 0 });
    expect(activationQuantization({ low: -2, high: 3 }).zeroPoint).toBe(102);
    expect(activationQuantization({ low: -255, high: 0 })).toEqual({ scale: 1, zeroPoint: 255 });
    expect(activationQuantization({ low: 0, high: 0 })).toEqual({ scale: 1, zeroPoint: 0 });
  });
});
