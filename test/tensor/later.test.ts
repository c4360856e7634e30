/** Numbers that are made when somebody reads them, kept or in passing. */

import { describe, expect, it } from "vitest";
import { copyNumbers, numbersInPassing, tensorLater } from "../../src/tensor/index.js";

/** A tensor of `count` times the value, and how often its numbers were made. */
function counted(count: number, value: number) {
  const made = { times: 0 };
  const make = (target: Float32Array) => {
    made.times++;
    target.fill(value);
  };
  return { made, tensor: tensorLater([count], { name: "test", from: [] }, make) };
}

describe("tensorLater", () => {
  it("makes its numbers once, when they are read", () => {
    const { made, tensor } = counted(3, 7);
    expect(made.times).toBe(0);
    expect(tensor.data).toEqual(Float32Array.of(7, 7, 7));
    expect(tensor.data).toBe(tensor.data);
    expect(made.times).toBe(1);
  });

  it("copies them without keeping them", () => {
    const { made, tensor } = counted(2, 3);
    const target = new Float32Array(2);
    copyNumbers(target, tensor);
    expect(target).toEqual(Float32Array.of(3, 3));
    tensor.data.fill(4);
    copyNumbers(target, tensor);
    expect(target).toEqual(Float32Array.of(4, 4));
    expect(made.times).toBe(2);
  });

  it("gives them in passing without keeping them, whatever was there before", () => {
    const [large, small] = [counted(1000, 5), counted(2, 3)];
    for (const times of [1, 2]) {
      expect(numbersInPassing(large.tensor).every((number) => number === 5)).toBe(true);
      expect(numbersInPassing(small.tensor)).toEqual(Float32Array.of(3, 3));
      expect(small.made.times).toBe(times);
    }
    // What is kept is another memory, which passing numbers leave alone.
    const kept = small.tensor.data;
    numbersInPassing(large.tensor);
    expect(kept).toEqual(Float32Array.of(3, 3));
    expect(numbersInPassing(small.tensor)).toBe(kept);
  });
});
