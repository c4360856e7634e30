/** Pixels of integers, whatever their format: borders, and copies that may repeat pixels. A tile is a row of the output. */

import { i32, vec } from "../emit/index.js";
import { type Kernel, kernel } from "../kernel.js";

const PAD_FIELDS = ["out", "rowBytes", "rows", "padY", "padBytes", "edge"] as const;
export type PadIntegersField = (typeof PAD_FIELDS)[number];

/** Fills the border of a picture with the low byte of `edge`: `padY` rows above and below, `padBytes` left and right. */
export function padIntegers(): Kernel<PadIntegersField> {
  return kernel("pad integers", PAD_FIELDS, (k) => {
    const { f } = k;
    const rowBytes = k.local("rowBytes");
    const padY = k.local("padY");
    const rows = k.local("rows");
    const edge = k.local("edge");
    const y = f.i32(i32.sub(i32.remU(k.tile, rows), padY));
    const row = f.i32(i32.add(k.arg("out"), i32.mul(k.tile, rowBytes)));
    f.if(i32.geU(y, i32.sub(rows, i32.shl(padY, 1))), () => {
      f.fillMemory(row, edge, rowBytes);
      f.return();
    });
    const padBytes = k.local("padBytes");
    f.fillMemory(row, edge, padBytes);
    f.fillMemory(i32.sub(i32.add(row, rowBytes), padBytes), edge, padBytes);
  });
}

const UPSAMPLE_FIELDS = [
  "x",
  "xPixel",
  "xRow",
  "xImage",
  "width",
  "height",
  "scaleY",
  "scaleX",
  "channelBytes",
  "out",
  "outPixel",
  "outRow",
  "outImage",
] as const;
export type IntegerUpsampleField = (typeof UPSAMPLE_FIELDS)[number];

/**
 * Each pixel `scaleY` × `scaleX` times; with 1 × 1 a copy. `width` is of the input, `height` of the output; `channelBytes` is a
 * multiple of 16.
 */
export function integerUpsample(): Kernel<IntegerUpsampleField> {
  return kernel("upsample integers", UPSAMPLE_FIELDS, (k) => {
    const { f } = k;
    const height = k.local("height");
    const image = f.i32(i32.divU(k.tile, height));
    const y = f.i32(i32.sub(k.tile, i32.mul(image, height)));
    const x = f.i32(
      i32.add(
        k.arg("x"),
        i32.add(i32.mul(image, k.arg("xImage")), i32.mul(i32.divU(y, k.arg("scaleY")), k.arg("xRow"))),
      ),
    );
    const out = f.i32(i32.add(k.arg("out"), i32.add(i32.mul(image, k.arg("outImage")), i32.mul(y, k.arg("outRow")))));
    const width = k.local("width");
    const scaleX = k.local("scaleX");
    const channelBytes = k.local("channelBytes");
    const xPixel = k.local("xPixel");
    const outPixel = k.local("outPixel");
    const pixel = f.i32();
    const copy = f.i32();
    const channel = f.i32();
    f.for(pixel, 0, width, 1, () => {
      f.for(copy, 0, scaleX, 1, () => {
        f.for(channel, 0, channelBytes, 16, () => {
          f.storeVec(f.i32(i32.add(out, channel)), vec.load(f.i32(i32.add(x, channel))));
        });
        f.increase(out, outPixel);
      });
      f.increase(x, xPixel);
    });
  });
}
