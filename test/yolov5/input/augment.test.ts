import { describe, expect, it } from "vitest";
import { allClose, tensor } from "../../../src/tensor/index.js";
import { augmentInputs, concatenatePredictions, mergeAugmented } from "../../../src/yolov5/input/augment.js";
import { type Floats, floats, postprocessFixture } from "../output/postprocessFixture.js";

const toTensor = (source: Floats) => tensor("float32", source.shape, floats(source));

describe("test-time augmentation against PyTorch", () => {
  const fixture = postprocessFixture().augment;

  it("scales, mirrors and pads", () => {
    const inputs = augmentInputs(toTensor(fixture.input), fixture.stride);
    expect(inputs.map(({ scale, flip }) => [scale, flip])).toEqual([
      [1, false],
      [0.83, true],
      [0.67, false],
    ]);
    for (const [i, { tensor: actual }] of inputs.entries()) {
      expect(actual.shape).toEqual(fixture.inputs[i].shape);
      expect(allClose(actual, toTensor(fixture.inputs[i]), 0, 1.2e-7)).toBe(true);
    }
  });

  it("maps boxes back, cuts the tails and joins", () => {
    const width = fixture.input.shape[3];
    const merged = mergeAugmented(fixture.predictions.map(toTensor), width, fixture.levels);
    expect(merged.shape).toEqual(fixture.merged.shape);
    expect(merged.data).toEqual(floats(fixture.merged));
  });
});

describe("rows of test-time augmentation", () => {
  it("number as for a 64 px input with three levels and three anchors", () => {
    // 64, 53.12 → 64 and 42.88 → 64 px: 252 rows each; 12 of the coarsest and 192 of the finest level are cut.
    const inputs = augmentInputs(tensor("float32", [1, 3, 64, 64]), 32);
    expect(inputs.map(({ tensor: t }) => t.shape)).toEqual([
      [1, 3, 64, 64],
      [1, 3, 64, 64],
      [1, 3, 64, 64],
    ]);
    const rows = 3 * (64 + 16 + 4);
    const merged = mergeAugmented(
      [1, 2, 3].map(() => tensor("float32", [1, rows, 6])),
      64,
      3,
    );
    expect(merged.shape).toEqual([1, 240 + 252 + 60, 6]);
  });

  it("are mirrored back as width − x after dividing by the scale", () => {
    const one = (x: number) => tensor("float32", [1, 21, 6], new Float32Array(126).fill(x));
    const merged = mergeAugmented([one(1), one(8.3), one(6.7)], 64, 3);
    const secondPass = merged.data.subarray(20 * 6, 21 * 6);
    expect(secondPass[0]).toBeCloseTo(54, 4);
    expect(secondPass[1]).toBeCloseTo(10, 4);
    expect(secondPass[4]).toBe(Math.fround(8.3));
  });

  it("of an ensemble are joined image by image, and other shapes are refused", () => {
    const a = tensor("float32", [2, 1, 2], Float32Array.of(1, 2, 5, 6));
    const b = tensor("float32", [2, 1, 2], Float32Array.of(3, 4, 7, 8));
    expect(Array.from(concatenatePredictions([a, b]).data)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(() => concatenatePredictions([a, tensor("float32", [2, 1, 3])])).toThrow(/2×1×2 and 2×1×3/);
    expect(() => mergeAugmented([a], 64, 3)).toThrow(/1 predictions for 3/);
  });
});
