/**
 * Gradients of convolution weights: a matrix product over pixels. A tile is one tap of the kernel and one panel of eight
 * outputs; it goes through all pixels, a row at a time, with sums of four channels × eight outputs in registers. The sums of all
 * channels stand in scratch memory between rows, so that a row is read from the first cache.
 */

import { f32, i32, vec } from "../emit/index.js";
import { type Kernel, kernel, SINK_BYTES } from "../kernel.js";

/** Outputs of a tile. */
export const GRADIENT_PANEL = 8;
/** Channels of a register tile. */
const CHANNELS = 4;
/** Words of a tap: offset of its first input pixel, then the outputs it reaches: rows [from, to), columns [from, to). */
export const TAP_WORDS = 5;
const SUM_BYTES = CHANNELS * GRADIENT_PANEL * 4;

/** Scratch bytes for so many stored channels. */
export function weightGradientScratch(storedChannels: number): number {
  return SINK_BYTES + Math.ceil(storedChannels / CHANNELS) * SUM_BYTES;
}

const FIELDS = [
  "x",
  "xStep",
  "xRow",
  "xImage",
  "dy",
  "dyPixel",
  "dyRow",
  "dyImage",
  "images",
  "taps",
  "tapTable",
  "vectors",
  "panels",
  "channelMap",
  "outputs",
  "out",
  "outputBytes",
] as const;

/** `channelMap`: of each stored channel its number, −1 for none. Weights are written as OIHW. */
export const weightGradient = (): Kernel<(typeof FIELDS)[number]> =>
  kernel("weightGradient", FIELDS, (k) => {
    const { f } = k;
    const tap = f.i32(i32.divU(k.tile, k.arg("panels")));
    const panel = f.i32(i32.sub(k.tile, i32.mul(tap, k.arg("panels"))));
    const entry = f.i32(i32.add(k.arg("tapTable"), i32.mul(tap, TAP_WORDS * 4)));
    const firstRow = f.i32(i32.load(entry, 4));
    const endRow = f.i32(i32.load(entry, 8));
    const firstColumn = f.i32(i32.load(entry, 12));
    const columns = f.i32(i32.sub(i32.load(entry, 16), firstColumn));
    const sums = f.i32(i32.add(k.scratch, SINK_BYTES));
    const vectors = k.local("vectors");
    const [xStep, xRow, dyPixel, dyRow] = [k.local("xStep"), k.local("xRow"), k.local("dyPixel"), k.local("dyRow")];
    const [image, images, row, vector, left] = [f.i32(), k.local("images"), f.i32(), f.i32(), f.i32()];
    const [xLine, dyLine, xVector, sum, xPixel, gradient] = [f.i32(), f.i32(), f.i32(), f.i32(), f.i32(), f.i32()];
    f.zeroMemory(sums, i32.mul(vectors, SUM_BYTES));
    f.if(i32.gtS(columns, 0), () => {
      f.for(image, 0, images, 1, () => {
        f.set(xLine, i32.add(k.arg("x"), i32.mul(image, k.arg("xImage"))));
        f.increase(xLine, i32.add(i32.load(entry), i32.add(i32.mul(firstRow, xRow), i32.mul(firstColumn, xStep))));
        f.set(dyLine, i32.add(k.arg("dy"), i32.mul(image, k.arg("dyImage"))));
        f.increase(dyLine, i32.add(i32.mul(firstRow, dyRow), i32.mul(firstColumn, dyPixel)));
        f.increase(dyLine, i32.mul(panel, GRADIENT_PANEL * 4));
        f.for(row, firstRow, endRow, 1, () => {
          f.set(xVector, xLine);
          f.set(sum, sums);
          f.for(vector, 0, vectors, 1, () => {
            const accumulators = Array.from({ length: CHANNELS }, (_, c) =>
              [0, 16].map((half) => f.vec(vec.load(sum, c * GRADIENT_PANEL * 4 + half))),
            );
            f.set(xPixel, xVector);
            f.set(gradient, dyLine);
            f.set(left, columns);
            f.doWhile(() => {
              const given = [0, 16].map((half) => f.vec(vec.load(gradient, half)));
              accumulators.forEach((own, c) => {
                const value = f.vec(vec.loadSplat(xPixel, c * 4));
                own.forEach((total, half) => {
                  f.setVec(total, vec.madd(value, given[half], total));
                });
              });
              f.increase(xPixel, xStep);
              f.increase(gradient, dyPixel);
              f.set(left, i32.sub(left, 1));
            }, left);
            accumulators.forEach((own, c) => {
              own.forEach((total, half) => {
                f.storeVec(sum, total, c * GRADIENT_PANEL * 4 + half * 16);
              });
            });
            f.increase(xVector, CHANNELS * 4);
            f.increase(sum, SUM_BYTES);
          });
          f.increase(xLine, xRow);
          f.increase(dyLine, dyRow);
        });
      });
    });
    const outputBytes = k.local("outputBytes");
    const firstOutput = f.i32(i32.mul(panel, GRADIENT_PANEL));
    const here = k.min(i32.sub(k.arg("outputs"), firstOutput), i32.const(GRADIENT_PANEL));
    const out = f.i32(i32.add(k.arg("out"), i32.add(i32.mul(firstOutput, outputBytes), i32.shl(tap, 2))));
    const channels = f.i32(i32.mul(vectors, CHANNELS));
    const [channel, stored, target, output] = [f.i32(), f.i32(), f.i32(), f.i32()];
    f.set(sum, sums);
    f.for(channel, 0, channels, 1, () => {
      f.set(stored, i32.load(i32.add(k.arg("channelMap"), i32.shl(channel, 2))));
      f.if(i32.geS(stored, 0), () => {
        f.set(target, i32.add(out, i32.shl(i32.mul(stored, k.arg("taps")), 2)));
        f.for(output, 0, here, 1, () => {
          f.storeF32(target, f32.load(i32.add(sum, i32.shl(output, 2))));
          f.increase(target, outputBytes);
        });
      });
      f.increase(sum, GRADIENT_PANEL * 4);
    });
  });

const DEPTHWISE_FIELDS = [
  "x",
  "xStep",
  "xRow",
  "xImage",
  "dy",
  "dyPixel",
  "dyRow",
  "dyImage",
  "images",
  "taps",
  "tapTable",
  "vectors",
  "channels",
  "out",
] as const;

/** The same where each channel has its own filter; a tile is one tap and four channels. Weights are written [C, taps]. */
export const depthwiseWeightGradient = (): Kernel<(typeof DEPTHWISE_FIELDS)[number]> =>
  kernel("weightGradient depthwise", DEPTHWISE_FIELDS, (k) => {
    const { f } = k;
    const tap = f.i32(i32.divU(k.tile, k.arg("vectors")));
    const vector = f.i32(i32.sub(k.tile, i32.mul(tap, k.arg("vectors"))));
    const entry = f.i32(i32.add(k.arg("tapTable"), i32.mul(tap, TAP_WORDS * 4)));
    const [firstRow, endRow] = [f.i32(i32.load(entry, 4)), f.i32(i32.load(entry, 8))];
    const [firstColumn, endColumn] = [f.i32(i32.load(entry, 12)), f.i32(i32.load(entry, 16))];
    const [image, images, row, column] = [f.i32(), k.local("images"), f.i32(), f.i32()];
    const [x, dy] = [f.i32(), f.i32()];
    const [sum, part] = f.vecs(2);
    const lane = f.i32(i32.shl(vector, 4));
    f.setVec(sum, vec.splat(0));
    f.for(image, 0, images, 1, () => {
      f.for(row, firstRow, endRow, 1, () => {
        f.set(x, i32.add(i32.add(k.arg("x"), lane), i32.add(i32.mul(image, k.arg("xImage")), i32.load(entry))));
        f.increase(x, i32.add(i32.mul(row, k.arg("xRow")), i32.mul(firstColumn, k.arg("xStep"))));
        f.set(dy, i32.add(i32.add(k.arg("dy"), lane), i32.mul(image, k.arg("dyImage"))));
        f.increase(dy, i32.add(i32.mul(row, k.arg("dyRow")), i32.mul(firstColumn, k.arg("dyPixel"))));
        f.setVec(part, vec.splat(0));
        f.for(column, firstColumn, endColumn, 1, () => {
          f.setVec(part, vec.madd(vec.load(x), vec.load(dy), part));
          f.increase(x, k.arg("xStep"));
          f.increase(dy, k.arg("dyPixel"));
        });
        f.setVec(sum, vec.add(sum, part));
      });
    });
    const stepBytes = f.i32(i32.shl(k.arg("taps"), 2));
    const first = f.i32(i32.mul(vector, CHANNELS));
    for (let i = 0; i < CHANNELS; i++) {
      const channel = f.i32(i32.add(first, i));
      f.if(i32.ltS(channel, k.arg("channels")), () => {
        const at = i32.add(i32.add(k.arg("out"), i32.mul(channel, stepBytes)), i32.shl(tap, 2));
        f.storeF32(at, vec.lane(sum, i));
      });
    }
  });
