import { describe, expect, it } from "vitest";
import { ShapeError } from "../../../../src/errors.js";
import { tensor } from "../../../../src/tensor/index.js";
import { processMask, processMaskNative, prototypesOf, scaleMask } from "../../../../src/yolov5/output/masks/masks.js";
import { maskToBitmap } from "../../../../src/yolov5/output/masks/rle.js";
import { floats, postprocessFixture, rowsOf } from "../postprocessFixture.js";

describe("masks against PyTorch and OpenCV", () => {
  it.each(postprocessFixture().masks.map((c, i) => [i, c] as const))("case %i", (_, c) => {
    const protos = prototypesOf(tensor("float32", [1, ...c.protos.shape], floats(c.protos)));
    const coefficients = floats(c.coefficients);
    const [x1, y1, x2, y2] = floats(c.box);
    const mask = processMask(protos, coefficients, [x1, y1, x2, y2], c.input);
    expect(rowsOf(maskToBitmap(mask), c.input[1])).toEqual(c.mask);
    expect(rowsOf(maskToBitmap(scaleMask(mask, c.original)), c.original[1])).toEqual(c.scaled);
    const native = processMaskNative(protos, coefficients, c.nativeBox, c.original);
    expect(rowsOf(maskToBitmap(native), c.original[1])).toEqual(c.native);
  });
});

describe("masks computed by hand", () => {
  // Two 4×4 prototypes: ones, and a ramp over the columns; sigmoid(ramp − 1.5) > 0.5 right of the middle.
  const data = new Float32Array(32).fill(1, 0, 16);
  for (let i = 0; i < 16; i++) data[16 + i] = i % 4;
  const protos = { channels: 2, height: 4, width: 4, data };
  const coefficients = Float32Array.of(-1.5, 1);

  it("are cropped to columns ≥ x1 and < x2 at prototype scale", () => {
    // x1 = 1.25 and x2 = 3 in prototypes: columns 2 only; rows 0 and 1 (y2 = 1.01 takes row 1 in).
    const mask = processMask(protos, coefficients, [5, 0, 12, 4.04], [4 * 4, 4 * 4]);
    const reached = rowsOf(maskToBitmap(mask), 16);
    // Column 2 is sigmoid(0.5) = 0.62: above one half within 0.19 prototype pixels of its centre (8 to 11 → 9 and 10).
    expect(reached[0]).toBe(".........##.....");
    // The row after the crop is 0, so the last rows of the crop fade: 0.62 × weight > 0.5 only near row centres.
    expect(reached.map((r) => r.includes("#"))).toEqual(Array.from({ length: 16 }, (_, y) => y < 6));
  });

  it("are upsampled with half-pixel centres and thresholded strictly", () => {
    const whole = processMask(protos, coefficients, [0, 0, 16, 16], [16, 16]);
    expect(rowsOf(maskToBitmap(whole), 16)[0]).toBe("........########");
    const half = processMask(protos, Float32Array.of(0, 0), [0, 0, 16, 16], [16, 16]);
    expect(maskToBitmap(half).some((v) => v === 1)).toBe(false);
  });

  it("are empty for a box outside the picture or smaller than a prototype pixel", () => {
    for (const box of [
      [-40, -40, -20, -20],
      [20, 20, 30, 30],
      [5, 5, 6, 6],
    ] as const) {
      expect(maskToBitmap(processMask(protos, Float32Array.of(9, 0), box, [16, 16])).some((v) => v === 1)).toBe(false);
    }
  });

  it("are refused if coefficients and prototypes do not match", () => {
    expect(() => processMask(protos, new Float32Array(32), [0, 0, 1, 1], [16, 16])).toThrow(
      /32 mask coefficients.*2 proto/,
    );
    expect(() => prototypesOf(tensor("float32", [1, 2, 4, 4]), 1)).toThrow(ShapeError);
  });
});
