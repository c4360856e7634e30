/** Gradients of softmax along any axis, and of layer normalisation over the channels of a pixel. */

import { type F32, f32, i32 } from "../emit/index.js";
import { type Kernel, kernel } from "../kernel.js";

const SOFTMAX_FIELDS = ["y", "dy", "out", "size", "inner"] as const;

/**
 * y · (dy − Σ y · dy) of dense values along the middle of [outer, size, inner], y being what softmax gave; a tile is one index of
 * outer × inner. `out` may be `dy`.
 */
export const softmaxGradient = (): Kernel<(typeof SOFTMAX_FIELDS)[number]> =>
  kernel("softmaxGradient", SOFTMAX_FIELDS, (k) => {
    const { f } = k;
    const [inner, size] = [k.local("inner"), k.local("size")];
    const outer = f.i32(i32.divU(k.tile, inner));
    const first = i32.add(i32.mul(i32.mul(outer, size), inner), i32.sub(k.tile, i32.mul(outer, inner)));
    const start = f.i32(i32.shl(first, 2));
    const step = f.i32(i32.shl(inner, 2));
    const [y, dy, out, index] = [f.i32(), f.i32(), f.i32(), f.i32()];
    const sum = f.f32(f32.const(0));
    const each = (body: () => void): void => {
      f.set(y, i32.add(k.arg("y"), start));
      f.set(dy, i32.add(k.arg("dy"), start));
      f.set(out, i32.add(k.arg("out"), start));
      f.for(index, 0, size, 1, () => {
        body();
        for (const pointer of [y, dy, out]) f.increase(pointer, step);
      });
    };
    each(() => f.setF32(sum, f32.add(sum, f32.mul(f32.load(y), f32.load(dy)))));
    each(() => f.storeF32(out, f32.mul(f32.load(y), f32.sub(f32.load(dy), sum))));
  });

const NORM_FIELDS = [
  "x",
  "xPixel",
  "dy",
  "dyPixel",
  "out",
  "outPixel",
  "pixels",
  "blockPixels",
  "channels",
  "gain",
  "inverse",
  "eps",
] as const;

/**
 * With z the normalised channels of a pixel and g = dy · gain: (g − mean of g − z · mean of g · z) ÷ √(variance + eps). A tile is a
 * block of pixels.
 */
export const layerNormGradient = (): Kernel<(typeof NORM_FIELDS)[number]> =>
  kernel("layerNormGradient", NORM_FIELDS, (k) => {
    const { f } = k;
    const start = f.i32(i32.mul(k.tile, k.arg("blockPixels")));
    const end = k.min(i32.add(start, k.arg("blockPixels")), k.arg("pixels"));
    const bytes = f.i32(i32.shl(k.arg("channels"), 2));
    const [pixel, x, dy, out, offset] = [f.i32(), f.i32(), f.i32(), f.i32(), f.i32()];
    const [mean, squares, given, products, scale, slope] = Array.from({ length: 6 }, () => f.f32());
    const [difference, gradient] = [f.f32(), f.f32()];
    const inverse = k.float("inverse");
    const value = (): F32 => f32.load(i32.add(x, offset));
    f.for(pixel, start, end, 1, () => {
      f.set(x, i32.add(k.arg("x"), i32.mul(pixel, k.arg("xPixel"))));
      f.set(dy, i32.add(k.arg("dy"), i32.mul(pixel, k.arg("dyPixel"))));
      f.set(out, i32.add(k.arg("out"), i32.mul(pixel, k.arg("outPixel"))));
      for (const sum of [mean, squares, given, products]) f.setF32(sum, f32.const(0));
      f.for(offset, 0, bytes, 4, () => f.setF32(mean, f32.add(mean, value())));
      f.setF32(mean, f32.mul(mean, inverse));
      const each = (body: () => void): void =>
        f.for(offset, 0, bytes, 4, () => {
          f.setF32(difference, f32.sub(value(), mean));
          f.setF32(gradient, f32.mul(f32.load(i32.add(dy, offset)), f32.load(i32.add(k.arg("gain"), offset))));
          body();
        });
      each(() => {
        f.setF32(squares, f32.add(squares, f32.mul(difference, difference)));
        f.setF32(given, f32.add(given, gradient));
        f.setF32(products, f32.add(products, f32.mul(difference, gradient)));
      });
      f.setF32(scale, f32.div(1, f32.sqrt(f32.add(f32.mul(squares, inverse), k.float("eps")))));
      f.setF32(given, f32.mul(given, inverse));
      f.setF32(slope, f32.mul(f32.mul(products, inverse), f32.mul(scale, scale)));
      each(() => {
        const rest = f32.sub(f32.sub(gradient, given), f32.mul(difference, slope));
        f.storeF32(i32.add(out, offset), f32.mul(scale, rest));
      });
    });
  });
