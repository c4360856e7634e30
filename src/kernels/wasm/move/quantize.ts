/**
 * float32 pixels as int16 for the integer kernels: round(x ÷ scale), half to even, clamped to the 256 steps of the
 * quantization. The zero point is left out: [low, high] is [−zeroPoint, 255 − zeroPoint], and zero padding stays 0.
 *
 * Eight channels at a time; the last may read floats beyond the pixel, whose numbers meet zero weights. A tile is a row
 * of the output.
 */

import { i32, type Vec, vec } from "../emit/index.js";
import { type Kernel, kernel } from "../kernel.js";

const FIELDS = [
  "x",
  "xPixel",
  "xRow",
  "xImage",
  "height",
  "width",
  "padY",
  "padX",
  "out",
  "channels",
  "inverse",
  "low",
  "high",
] as const;
export type QuantizeField = (typeof FIELDS)[number];

/** 1.5 × 2²³: a small number added to it is rounded and stands in the low bits of the mantissa. */
const ROUNDING = 12582912;

/**
 * `channels` is a multiple of eight. The output is a map of pixels of that many int16 with a border of `padY` rows and `padX`
 * columns of zeros on each side.
 */
export function quantize(): Kernel<QuantizeField> {
  return kernel("quantize", FIELDS, (k) => {
    const { f } = k;
    const width = k.local("width");
    const channels = k.local("channels");
    const padY = k.local("padY");
    const padX = k.local("padX");
    const rows = f.i32(i32.add(k.arg("height"), i32.shl(padY, 1)));
    const image = f.i32(i32.divU(k.tile, rows));
    const y = f.i32(i32.sub(i32.sub(k.tile, i32.mul(image, rows)), padY));
    const rowBytes = f.i32(i32.mul(i32.add(width, i32.shl(padX, 1)), i32.shl(channels, 1)));
    const out = f.i32(i32.add(k.arg("out"), i32.mul(k.tile, rowBytes)));
    f.if(i32.geU(y, k.arg("height")), () => {
      f.zeroMemory(out, rowBytes);
      f.return();
    });
    const border = f.i32(i32.mul(padX, i32.shl(channels, 1)));
    f.zeroMemory(out, border);
    f.increase(out, border);
    const inverse = f.vec(k.splat("inverse"));
    const low = f.vec(k.splat("low"));
    const high = f.vec(k.splat("high"));
    const rounding = f.vec(vec.splat(ROUNDING));
    const xPixel = k.local("xPixel");
    const row = f.i32(i32.add(k.arg("x"), i32.add(i32.mul(image, k.arg("xImage")), i32.mul(y, k.arg("xRow")))));
    const x = f.i32();
    const left = f.i32();
    const pixel = f.i32();
    const whole = (offset: number): Vec => {
      const scaled = vec.mul(vec.load(x, offset), inverse);
      return vec.subI32(vec.add(vec.pmax(vec.pmin(scaled, high), low), rounding), rounding);
    };
    f.for(pixel, 0, width, 1, () => {
      f.set(x, row);
      f.set(left, channels);
      f.doWhile(() => {
        f.storeVec(out, vec.narrowI32(whole(0), whole(16)));
        f.increase(x, 32);
        f.increase(out, 16);
        f.set(left, i32.sub(left, 8));
      }, left);
      f.increase(row, xPixel);
    });
    f.zeroMemory(out, border);
  });
}
