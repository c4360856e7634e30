/**
 * Planes of an even size to blocks of 2×2 pixels, NHWC: channel (c·2 + dy)·2 + dx of a block is pixel (dy, dx) of plane c.
 * A stem of 6×6 and stride 2 over planes is then a 3×3 convolution of stride 1 over blocks. A tile is one row of blocks.
 */

import { f32, i32, vec } from "../emit/index.js";
import { type Kernel, kernel } from "../kernel.js";

const FIELDS = ["x", "planes", "height", "width", "out", "outPixel"] as const;
export type FocusField = (typeof FIELDS)[number];

/** `height` and `width` count blocks. */
export const focus = (): Kernel<FocusField> =>
  kernel("focus", FIELDS, (k) => {
    const { f } = k;
    const width = k.local("width");
    const height = k.local("height");
    const planes = k.local("planes");
    const image = f.i32(i32.divU(k.tile, height));
    const y = f.i32(i32.sub(k.tile, i32.mul(image, height)));
    const rowBytes = f.i32(i32.shl(width, 3));
    const planeBytes = f.i32(i32.mul(rowBytes, i32.shl(height, 1)));
    const outPixel = k.local("outPixel");
    const source = f.i32(
      i32.add(i32.add(k.arg("x"), i32.mul(image, i32.mul(planes, planeBytes))), i32.mul(y, i32.shl(rowBytes, 1))),
    );
    const target = f.i32(i32.add(k.arg("out"), i32.mul(i32.mul(k.tile, width), outPixel)));
    const plane = f.i32();
    const x = f.i32();
    const from = f.i32();
    const below = f.i32();
    const to = f.i32();
    const next = f.i32();
    const pairs = f.i32(i32.and(width, -2));
    f.for(plane, 0, planes, 1, () => {
      f.set(from, source);
      f.set(below, i32.add(source, rowBytes));
      f.set(to, target);
      // Two blocks from two rows of four pixels.
      f.for(x, 0, pairs, 2, () => {
        const upper = f.vec(vec.load(from));
        const lower = f.vec(vec.load(below));
        f.set(next, i32.add(to, outPixel));
        f.storeVec(to, vec.lowHalves(upper, lower));
        f.storeVec(next, vec.highHalves(upper, lower));
        f.increase(from, 16);
        f.increase(below, 16);
        f.set(to, i32.add(next, outPixel));
      });
      f.if(i32.ltS(pairs, width), () => {
        for (let dx = 0; dx < 2; dx++) {
          f.storeF32(to, f32.load(from, dx * 4), dx * 4);
          f.storeF32(to, f32.load(below, dx * 4), 8 + dx * 4);
        }
      });
      f.increase(source, planeBytes);
      f.increase(target, 16);
    });
  });
