/**
 * Rows of a picture into the planes of a network's input, in a module of its own: one function call a row, on the calling thread.
 * Four pixels at a time: those of a row whose number is no multiple of four overlap at its end, so it has at least four. Pixels may
 * be read a byte beyond their last one.
 */

import { f32, type I32, i32, ModuleBuilder, type Target, type Vec, vec } from "../emit/index.js";
import { MAXIMUM_PAGES } from "../library.js";

/** Pixels of a step: the least that a row has. */
export const PICTURE_STEP = 4;
/** A column of the target: byte offsets of both its neighbours in a row, weights of both as int16. */
export const COLUMN_BYTES = 12;

/** What the module exports; addresses and distances in bytes. */
export interface PictureFunctions {
  readonly copy: (from: number, channels: number, width: number, red: number, plane: number) => void;
  /** OpenCV's sums, as `src/image/resize/resize.ts` has them. */
  readonly resize: (
    upper: number,
    lower: number,
    upperWeight: number,
    lowerWeight: number,
    columns: number,
    width: number,
    red: number,
    plane: number,
  ) => void;
}

/** byte / 255 of each channel. @param pixels four of R, G, B and whatever follows, as int32 */
function planes([a, b, c, d]: readonly Vec[]): readonly [red: Vec, green: Vec, blue: Vec] {
  const level = (value: Vec): Vec => vec.div(vec.fromI32(value), vec.splat(f32.const(255)));
  const first = [vec.interleaveLow(a, b), vec.interleaveLow(c, d)] as const;
  const last = [vec.interleaveHigh(a, b), vec.interleaveHigh(c, d)] as const;
  return [level(vec.lowHalves(...first)), level(vec.highHalves(...first)), level(vec.lowHalves(...last))];
}

export function pictureModule(target: Target): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder(target);
  const first = (x: I32, width: I32): I32 => {
    const last = i32.sub(width, PICTURE_STEP);
    return i32.select(i32.ltS(x, last), x, last);
  };
  module.define("copy", 5, { exported: true }, (f) => {
    const [from, channels, width, red, plane] = [0, 1, 2, 3, 4].map((i) => f.parameter(i));
    const [x, at, pixel, out] = [f.i32(), f.i32(), f.i32(), f.i32()];
    f.for(x, 0, width, PICTURE_STEP, () => {
      f.set(at, first(x, width));
      f.set(pixel, i32.add(from, i32.mul(at, channels)));
      f.set(out, i32.add(red, i32.shl(at, 2)));
      const pixels = Array.from({ length: PICTURE_STEP }, () => {
        const value = f.vec(vec.widenI16(vec.widenBytes(vec.loadBytes(pixel))));
        f.increase(pixel, channels);
        return value;
      });
      for (const value of planes(pixels)) {
        f.storeVec(out, value);
        f.increase(out, plane);
      }
    });
  });
  module.define("resize", 8, { exported: true }, (f) => {
    const [upper, lower, upperWeight, lowerWeight, columns, width, red, plane] = [0, 1, 2, 3, 4, 5, 6, 7].map((i) =>
      f.parameter(i),
    );
    const upperWeights = f.vec(vec.splatI32(upperWeight));
    const lowerWeights = f.vec(vec.splatI32(lowerWeight));
    const two = f.vec(vec.splatI32(2));
    const [x, at, column, out] = [f.i32(), f.i32(), f.i32(), f.i32()];
    f.for(x, 0, width, PICTURE_STEP, () => {
      f.set(at, first(x, width));
      f.set(column, i32.add(columns, i32.mul(at, COLUMN_BYTES)));
      f.set(out, i32.add(red, i32.shl(at, 2)));
      const pixels = Array.from({ length: PICTURE_STEP }, (_, i) => {
        const entry = i * COLUMN_BYTES;
        const [left, right] = [i32.load(column, entry), i32.load(column, entry + 4)];
        const weights = f.vec(vec.loadSplat(column, entry + 8));
        const across = (row: I32): Vec => {
          const pair = vec.interleaveBytes(vec.loadBytes(i32.add(row, left)), vec.loadBytes(i32.add(row, right)));
          return vec.shiftRight(vec.dotI16(vec.widenBytes(pair), weights), 4);
        };
        const above = vec.shiftRight(vec.mulI32(across(upper), upperWeights), 16);
        const below = vec.shiftRight(vec.mulI32(across(lower), lowerWeights), 16);
        return f.vec(vec.shiftRight(vec.addBits(vec.addBits(above, below), two), 2));
      });
      for (const value of planes(pixels)) {
        f.storeVec(out, value);
        f.increase(out, plane);
      }
    });
  });
  return module.finish(1, MAXIMUM_PAGES);
}
