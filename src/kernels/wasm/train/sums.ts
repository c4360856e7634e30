/** Sums over pixels: of all of a channel, of blocks, and back to where a window's largest element was. */

import { f32, i32, vec } from "../emit/index.js";
import { type Kernel, kernel, SINK_BYTES } from "../kernel.js";

/** Vectors of four channels that a tile of `channelSum` takes. */
export const SUM_VECTORS = 4;
/** Pixels of a partial sum: float32 would lose what is added one by one to millions. */
const PART = 256;

const CHANNEL_FIELDS = ["x", "xPixel", "pixels", "channels", "out"] as const;

/** Σ over all pixels of all pictures; a tile is sixteen channels. Sums are written one after another. */
export const channelSum = (): Kernel<(typeof CHANNEL_FIELDS)[number]> =>
  kernel("channelSum", CHANNEL_FIELDS, (k) => {
    const { f } = k;
    const first = f.i32(i32.mul(k.tile, SUM_VECTORS * 4));
    const x = f.i32(i32.add(k.arg("x"), i32.shl(first, 2)));
    const [xPixel, pixels] = [k.local("xPixel"), k.local("pixels")];
    const sums = f.vecs(SUM_VECTORS);
    const parts = f.vecs(SUM_VECTORS);
    const [pixel, end] = [f.i32(), f.i32()];
    for (const sum of sums) f.setVec(sum, vec.splat(0));
    f.while(i32.ltS(pixel, pixels), () => {
      f.set(end, k.min(i32.add(pixel, PART), pixels));
      for (const part of parts) f.setVec(part, vec.splat(0));
      f.while(i32.ltS(pixel, end), () => {
        parts.forEach((part, i) => {
          f.setVec(part, vec.add(part, vec.load(x, i * 16)));
        });
        f.increase(x, xPixel);
        f.increase(pixel, 1);
      });
      sums.forEach((sum, i) => {
        f.setVec(sum, vec.add(sum, parts[i]));
      });
    });
    const out = f.i32(i32.add(k.arg("out"), i32.shl(first, 2)));
    const left = f.i32(i32.sub(k.arg("channels"), first));
    sums.forEach((sum, i) => {
      for (let lane = 0; lane < 4; lane++) {
        f.if(i32.gtS(left, i * 4 + lane), () => f.storeF32(out, vec.lane(sum, lane), i * 16 + lane * 4));
      }
    });
  });

const BLOCK_FIELDS = [
  "x",
  "xPixel",
  "xRow",
  "xImage",
  "scaleY",
  "scaleX",
  "height",
  "width",
  "channels",
  "out",
  "outPixel",
  "outRow",
  "outImage",
] as const;

/** Sums over blocks of scaleY × scaleX pixels; a tile is a row of them. */
export const sumBlocks = (): Kernel<(typeof BLOCK_FIELDS)[number]> =>
  kernel("sumBlocks", BLOCK_FIELDS, (k) => {
    const { f } = k;
    const image = f.i32(i32.divU(k.tile, k.arg("height")));
    const y = f.i32(i32.sub(k.tile, i32.mul(image, k.arg("height"))));
    const row = f.i32(i32.add(k.arg("x"), i32.mul(image, k.arg("xImage"))));
    f.increase(row, i32.mul(i32.mul(y, k.arg("scaleY")), k.arg("xRow")));
    const out = f.i32(i32.add(k.arg("out"), i32.add(i32.mul(image, k.arg("outImage")), i32.mul(y, k.arg("outRow")))));
    const bytes = f.i32(i32.shl(k.arg("channels"), 2));
    const [width, scaleY, scaleX, xPixel] = [k.local("width"), k.local("scaleY"), k.local("scaleX"), k.local("xPixel")];
    const [x, channel, dy, dx, from, at] = [f.i32(), f.i32(), f.i32(), f.i32(), f.i32(), f.i32()];
    const sum = f.vec();
    f.for(x, 0, width, 1, () => {
      f.for(channel, 0, bytes, 16, () => {
        f.setVec(sum, vec.splat(0));
        f.for(dy, 0, scaleY, 1, () => {
          f.set(from, i32.add(i32.add(row, channel), i32.mul(dy, k.arg("xRow"))));
          f.increase(from, i32.mul(i32.mul(x, scaleX), xPixel));
          f.for(dx, 0, scaleX, 1, () => {
            f.setVec(sum, vec.add(sum, vec.load(from)));
            f.increase(from, xPixel);
          });
        });
        f.set(at, i32.add(i32.add(out, i32.mul(x, k.arg("outPixel"))), channel));
        f.storeVec(at, sum);
      });
    });
  });

const POOL_FIELDS = [
  "x",
  "xPixel",
  "xRow",
  "xImage",
  "inHeight",
  "inWidth",
  "dy",
  "dyPixel",
  "dyRow",
  "dyImage",
  "height",
  "width",
  "kernelY",
  "kernelX",
  "strideY",
  "strideX",
  "padY",
  "padX",
  "dilationY",
  "dilationX",
  "vectors",
  "out",
  "outPixel",
  "outRow",
  "outImage",
] as const;

/** Scratch bytes: a window's four largest elements. */
export const MAX_POOL_GRADIENT_SCRATCH = SINK_BYTES + 16;

/** Each gradient goes to its window's first largest element; a tile is four channels of a picture. */
export const maxPoolGradient = (): Kernel<(typeof POOL_FIELDS)[number]> =>
  kernel("maxPoolGradient", POOL_FIELDS, (k) => {
    const { f } = k;
    const image = f.i32(i32.divU(k.tile, k.arg("vectors")));
    const lanes = f.i32(i32.shl(i32.sub(k.tile, i32.mul(image, k.arg("vectors"))), 4));
    const base = (of: "x" | "dy" | "out") =>
      f.i32(i32.add(i32.add(k.arg(of), lanes), i32.mul(image, k.arg(`${of}Image`))));
    const [x, dy, out] = [base("x"), base("dy"), base("out")];
    const [inHeight, inWidth] = [k.local("inHeight"), k.local("inWidth")];
    const [height, width] = [k.local("height"), k.local("width")];
    const [row, column, at] = [f.i32(), f.i32(), f.i32()];
    f.for(row, 0, inHeight, 1, () => {
      f.for(column, 0, inWidth, 1, () => {
        f.set(at, i32.add(i32.add(out, i32.mul(row, k.arg("outRow"))), i32.mul(column, k.arg("outPixel"))));
        f.storeVec(at, vec.splat(0));
      });
    });
    const [firstY, firstX, iy, ix, ky, kx] = [f.i32(), f.i32(), f.i32(), f.i32(), f.i32(), f.i32()];
    const [kernelY, kernelX] = [k.local("kernelY"), k.local("kernelX")];
    const top = f.vec();
    const [gradient, target, bits] = [f.i32(), f.i32(), f.i32()];
    const largest = f.i32(i32.add(k.scratch, SINK_BYTES));
    /** Elements of the window that are inside, in order. */
    const eachInside = (body: () => void): void => {
      f.for(ky, 0, kernelY, 1, () => {
        f.set(iy, i32.add(firstY, i32.mul(ky, k.arg("dilationY"))));
        f.if(i32.ltU(iy, inHeight), () => {
          f.for(kx, 0, kernelX, 1, () => {
            f.set(ix, i32.add(firstX, i32.mul(kx, k.arg("dilationX"))));
            f.if(i32.ltU(ix, inWidth), () => {
              f.set(at, i32.add(i32.add(x, i32.mul(iy, k.arg("xRow"))), i32.mul(ix, k.arg("xPixel"))));
              body();
            });
          });
        });
      });
    };
    f.for(row, 0, height, 1, () => {
      f.set(firstY, i32.sub(i32.mul(row, k.arg("strideY")), k.arg("padY")));
      f.for(column, 0, width, 1, () => {
        f.set(firstX, i32.sub(i32.mul(column, k.arg("strideX")), k.arg("padX")));
        f.setVec(top, vec.splat(Number.NEGATIVE_INFINITY));
        eachInside(() => f.setVec(top, vec.pmax(top, vec.load(at))));
        f.storeVec(largest, top);
        f.set(gradient, i32.add(i32.add(dy, i32.mul(row, k.arg("dyRow"))), i32.mul(column, k.arg("dyPixel"))));
        for (let lane = 0; lane < 4; lane++) {
          f.set(bits, i32.load(largest, lane * 4));
          f.block((found) => {
            eachInside(() => {
              f.if(i32.eq(i32.load(at, lane * 4), bits), () => {
                f.set(target, i32.add(i32.add(out, i32.mul(iy, k.arg("outRow"))), i32.mul(ix, k.arg("outPixel"))));
                f.storeF32(target, f32.add(f32.load(target, lane * 4), f32.load(gradient, lane * 4)), lane * 4);
                f.breakIf(found, i32.const(1));
              });
            });
          });
        }
      });
    });
  });
