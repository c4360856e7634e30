/**
 * Element-wise kernels over pixels of a multiple of four floats: activation, sum, product with a number, and the
 * per-channel affine map of a BatchNorm that no convolution took. A tile is a block of pixels.
 */

import type { Activation } from "../../../ops/attributes.js";
import { type FunctionBuilder, type I32Local, i32, type Vec, vec } from "../emit/index.js";
import { type Kernel, kernel } from "../kernel.js";
import { activate, activationKey } from "./activations.js";

const FIELDS = ["x", "xStep", "y", "yStep", "out", "outStep", "pixels", "blockPixels", "floats", "factor"] as const;
export type ElementwiseField = (typeof FIELDS)[number];

/** `y` is read at its own step: 0 for per-channel constants. `z` is a second run of constants behind the first. */
export function elementwiseMap(
  name: string,
  value: (f: FunctionBuilder, x: Vec, y: (offset?: I32Local) => Vec, factor: () => Vec) => Vec,
): Kernel<ElementwiseField> {
  return kernel(name, FIELDS, (k) => {
    const { f } = k;
    const start = f.i32(i32.mul(k.tile, k.arg("blockPixels")));
    const end = k.min(i32.add(start, k.arg("blockPixels")), k.arg("pixels"));
    const pixel = f.i32();
    const x = f.i32();
    const y = f.i32();
    const out = f.i32();
    const left = f.i32();
    f.for(pixel, start, end, 1, () => {
      f.set(x, i32.add(k.arg("x"), i32.mul(pixel, k.arg("xStep"))));
      f.set(y, i32.add(k.arg("y"), i32.mul(pixel, k.arg("yStep"))));
      f.set(out, i32.add(k.arg("out"), i32.mul(pixel, k.arg("outStep"))));
      f.set(left, k.arg("floats"));
      f.doWhile(() => {
        const other = (offset?: I32Local): Vec => vec.load(offset ? f.i32(i32.add(y, offset)) : y);
        f.storeVec(
          out,
          value(f, vec.load(x), other, () => k.splat("factor")),
        );
        for (const pointer of [x, y, out]) f.increase(pointer, 16);
        f.set(left, i32.sub(left, 4));
      }, left);
    });
  });
}

export function activationKernel(activation: Activation): Kernel<ElementwiseField> {
  return elementwiseMap(`activation ${activationKey(activation)}`, (f, x) => activate(f, activation, x));
}

export const addKernel = (): Kernel<ElementwiseField> => elementwiseMap("add", (_, x, y) => vec.add(x, y()));

export const scaleKernel = (): Kernel<ElementwiseField> =>
  elementwiseMap("scale", (_, x, __, factor) => vec.mul(x, factor()));

const AFFINE_FIELDS = ["x", "xStep", "out", "outStep", "pixels", "blockPixels", "floats", "gain", "shift"] as const;
export type AffineField = (typeof AFFINE_FIELDS)[number];

/** x·gain[c] + shift[c]. */
export const affineKernel = (): Kernel<AffineField> =>
  kernel("affine", AFFINE_FIELDS, (k) => {
    const { f } = k;
    const start = f.i32(i32.mul(k.tile, k.arg("blockPixels")));
    const end = k.min(i32.add(start, k.arg("blockPixels")), k.arg("pixels"));
    const pixel = f.i32();
    const x = f.i32();
    const out = f.i32();
    const gain = f.i32();
    const shift = f.i32();
    const left = f.i32();
    f.for(pixel, start, end, 1, () => {
      f.set(x, i32.add(k.arg("x"), i32.mul(pixel, k.arg("xStep"))));
      f.set(out, i32.add(k.arg("out"), i32.mul(pixel, k.arg("outStep"))));
      f.set(gain, k.arg("gain"));
      f.set(shift, k.arg("shift"));
      f.set(left, k.arg("floats"));
      f.doWhile(() => {
        f.storeVec(out, vec.madd(vec.load(x), vec.load(gain), vec.load(shift)));
        for (const pointer of [x, out, gain, shift]) f.increase(pointer, 16);
        f.set(left, i32.sub(left, 4));
      }, left);
    });
  });
