/**
 * YOLOv5's decoding of one head level, NHWC to rows of [x, y, w, h, objectness, classes…, masks…].
 * σ of everything but the mask coefficients, then the first four in place. A tile is one row of the map or, listed, a run of
 * pixels of which only some of the map are left, with their places in a list.
 */

import { f32, type I32Local, i32 } from "../emit/index.js";
import { type Kernel, kernel } from "../kernel.js";
import { sigmoidRows } from "./sigmoid.js";

const FIELDS = [
  "x",
  "xPixel",
  "height",
  "width",
  "anchors",
  "anchorTable",
  "outputs",
  "raw",
  "out",
  "imageBytes",
  "levelBytes",
  "stride",
  "places",
  "count",
] as const;
export type DetectField = (typeof FIELDS)[number];

/** Pixels of a tile of the listed kernel. */
export const LISTED_PIXELS = 16;

/**
 * `listed`: of `count` pixels one after another, and so are the rows of their anchors; the place y × width + x of each stands in
 * the list `places`. Without it neither is read.
 */
export const detectKernel = (listed = false): Kernel<DetectField> =>
  kernel(listed ? "detect_listed" : "detect", FIELDS, (k) => {
    const { f } = k;
    const width = k.local("width");
    const rowBytes = f.i32(i32.shl(k.arg("outputs"), 2));
    const decodedBytes = f.i32(i32.sub(rowBytes, i32.shl(k.arg("raw"), 2)));
    const anchor = f.i32();
    const offset = f.i32();
    const from = f.i32();
    const out = f.i32();
    const decode = sigmoidRows(f, decodedBytes);
    const stride = k.float("stride");
    /** All anchors of the pixel at `from`, their rows so many bytes apart from `out` on. */
    const pixel = (x: I32Local, y: I32Local, anchorBytes: I32Local): void =>
      f.for(anchor, 0, k.arg("anchors"), 1, () => {
        decode(from, out);
        f.for(offset, decodedBytes, rowBytes, 4, () => {
          f.storeF32(i32.add(out, offset), f32.load(i32.add(from, offset)));
        });
        const table = f.i32(i32.add(k.arg("anchorTable"), i32.shl(anchor, 3)));
        const twice = (index: number) => f32.mul(f32.load(out, index * 4), 2);
        const cell = (index: number, position: I32Local) =>
          f.storeF32(out, f32.mul(f32.add(twice(index), f32.sub(f32.fromI32(position), 0.5)), stride), index * 4);
        cell(0, x);
        cell(1, y);
        for (const index of [2, 3]) {
          const side = f.f32(twice(index));
          f.storeF32(out, f32.mul(f32.mul(side, side), f32.load(table, (index - 2) * 4)), index * 4);
        }
        f.increase(from, rowBytes);
        f.increase(out, anchorBytes);
      });
    if (listed) {
      const index = f.i32();
      const first = f.i32(i32.mul(k.tile, LISTED_PIXELS));
      const place = f.i32();
      const y = f.i32();
      const x = f.i32();
      f.for(index, first, k.min(i32.add(first, LISTED_PIXELS), k.arg("count")), 1, () => {
        f.set(place, i32.load(i32.add(k.arg("places"), i32.shl(index, 2))));
        f.set(y, i32.divU(place, width));
        f.set(x, i32.sub(place, i32.mul(y, width)));
        f.set(from, i32.add(k.arg("x"), i32.mul(index, k.arg("xPixel"))));
        f.set(out, i32.add(k.arg("out"), i32.mul(i32.mul(index, k.arg("anchors")), rowBytes)));
        pixel(x, y, rowBytes);
      });
      return;
    }
    const height = k.local("height");
    const image = f.i32(i32.divU(k.tile, height));
    const y = f.i32(i32.sub(k.tile, i32.mul(image, height)));
    const source = f.i32(i32.add(k.arg("x"), i32.mul(i32.mul(k.tile, width), k.arg("xPixel"))));
    const level = f.i32(i32.add(i32.add(k.arg("out"), k.arg("levelBytes")), i32.mul(image, k.arg("imageBytes"))));
    const anchorBytes = f.i32(i32.mul(i32.mul(height, width), rowBytes));
    const x = f.i32();
    f.for(x, 0, width, 1, () => {
      f.set(from, source);
      f.set(out, i32.add(level, i32.mul(i32.add(i32.mul(y, width), x), rowBytes)));
      pixel(x, y, anchorBytes);
      f.increase(source, k.arg("xPixel"));
    });
  });
