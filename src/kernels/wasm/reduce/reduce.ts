/** Kernels that reduce: mean over pixels, softmax along any axis, layer normalisation over the channels of a pixel. */

import { f32, type I32Local, i32, type Vec, type VecLocal, vec } from "../emit/index.js";
import { type Kernel, kernel } from "../kernel.js";
import { exp } from "../map/math.js";

const AVERAGE_FIELDS = ["x", "xPixel", "pixels", "channels", "out", "outPixel", "inverse"] as const;

/** Pixels of a partial sum, and of a sum of such: float32 would lose what is added one by one to millions. */
const PART = 64;
const PARTS = 64 * PART;

/** Mean over all pixels of an image; a tile is one image. */
export const globalAveragePool = (): Kernel<(typeof AVERAGE_FIELDS)[number]> =>
  kernel("globalAveragePool", AVERAGE_FIELDS, (k) => {
    const { f } = k;
    const pixels = k.local("pixels");
    const base = f.i32(i32.add(k.arg("x"), i32.mul(k.tile, i32.mul(pixels, k.arg("xPixel")))));
    const out = f.i32(i32.add(k.arg("out"), i32.mul(k.tile, k.arg("outPixel"))));
    const channelBytes = f.i32(i32.shl(k.arg("channels"), 2));
    const xPixel = k.local("xPixel");
    const channel = f.i32();
    const from = f.i32();
    const pixel = f.i32();
    const [part, parts, sum] = f.vecs(3);
    /** Adds to `total` what `body` leaves in `partial`, for so many pixels at a time. */
    const inParts = (
      end: I32Local,
      step: number,
      total: VecLocal,
      partial: VecLocal,
      body: (end: I32Local) => void,
    ): void =>
      f.while(i32.ltS(pixel, end), () => {
        f.setVec(partial, vec.splat(0));
        body(k.min(i32.add(pixel, step), end));
        f.setVec(total, vec.add(total, partial));
      });
    f.for(channel, 0, channelBytes, 16, () => {
      f.setVec(sum, vec.splat(0));
      f.set(from, i32.add(base, channel));
      f.set(pixel, 0);
      inParts(pixels, PARTS, sum, parts, (endOfParts) =>
        inParts(endOfParts, PART, parts, part, (end) =>
          f.while(i32.ltS(pixel, end), () => {
            f.setVec(part, vec.add(part, vec.load(from)));
            f.increase(from, xPixel);
            f.increase(pixel, 1);
          }),
        ),
      );
      f.storeVec(f.i32(i32.add(out, channel)), vec.mul(sum, k.splat("inverse")));
    });
  });

const SOFTMAX_FIELDS = ["x", "out", "size", "inner"] as const;

/** Softmax of dense values along the middle of [outer, size, inner]; a tile is one index of outer × inner. */
export const softmax = (): Kernel<(typeof SOFTMAX_FIELDS)[number]> =>
  kernel("softmax", SOFTMAX_FIELDS, (k) => {
    const { f } = k;
    const inner = k.local("inner");
    const size = k.local("size");
    const outer = f.i32(i32.divU(k.tile, inner));
    const start = f.i32(
      i32.shl(i32.add(i32.mul(i32.mul(outer, size), inner), i32.sub(k.tile, i32.mul(outer, inner))), 2),
    );
    const step = f.i32(i32.shl(inner, 2));
    const from = f.i32();
    const to = f.i32();
    const index = f.i32();
    const top = f.f32(f32.const(Number.NEGATIVE_INFINITY));
    const sum = f.f32(f32.const(0));
    const each = (body: () => void): void => {
      f.set(from, i32.add(k.arg("x"), start));
      f.set(to, i32.add(k.arg("out"), start));
      f.for(index, 0, size, 1, () => {
        body();
        f.increase(from, step);
        f.increase(to, step);
      });
    };
    each(() => f.setF32(top, f32.max(top, f32.load(from))));
    each(() => {
      const e = f.f32(vec.lane(exp(f, vec.splat(f32.sub(f32.load(from), top))), 0));
      f.setF32(sum, f32.add(sum, e));
      f.storeF32(to, e);
    });
    each(() => f.storeF32(to, f32.div(f32.load(to), sum)));
  });

const NORM_FIELDS = [
  "x",
  "xPixel",
  "out",
  "outPixel",
  "pixels",
  "blockPixels",
  "channels",
  "gain",
  "shift",
  "inverse",
  "eps",
] as const;

/** (x − mean) ÷ √(variance + eps) · gain + shift over the channels of each pixel; a tile is a block of pixels. */
export const layerNorm = (): Kernel<(typeof NORM_FIELDS)[number]> =>
  kernel("layerNorm", NORM_FIELDS, (k) => {
    const { f } = k;
    const start = f.i32(i32.mul(k.tile, k.arg("blockPixels")));
    const end = k.min(i32.add(start, k.arg("blockPixels")), k.arg("pixels"));
    const bytes = f.i32(i32.shl(k.arg("channels"), 2));
    const pixel = f.i32();
    const x = f.i32();
    const out = f.i32();
    const offset = f.i32();
    const mean = f.f32();
    const sum = f.f32();
    const inverse = k.float("inverse");
    const each = (body: (value: ReturnType<typeof f32.load>) => void): void =>
      f.for(offset, 0, bytes, 4, () => body(f32.load(i32.add(x, offset))));
    f.for(pixel, start, end, 1, () => {
      f.set(x, i32.add(k.arg("x"), i32.mul(pixel, k.arg("xPixel"))));
      f.set(out, i32.add(k.arg("out"), i32.mul(pixel, k.arg("outPixel"))));
      f.setF32(sum, f32.const(0));
      each((value) => f.setF32(sum, f32.add(sum, value)));
      f.setF32(mean, f32.mul(sum, inverse));
      f.setF32(sum, f32.const(0));
      each((value) => {
        const difference = f.f32(f32.sub(value, mean));
        f.setF32(sum, f32.add(sum, f32.mul(difference, difference)));
      });
      f.setF32(sum, f32.div(1, f32.sqrt(f32.add(f32.mul(sum, inverse), k.float("eps")))));
      each((value) => {
        const scaled = f32.mul(f32.sub(value, mean), sum);
        const gain = f32.load(i32.add(k.arg("gain"), offset));
        f.storeF32(i32.add(out, offset), f32.add(f32.mul(scaled, gain), f32.load(i32.add(k.arg("shift"), offset))));
      });
    });
  });

const ATTENTION_FIELDS = [
  "q",
  "k",
  "v",
  "qPixel",
  "kPixel",
  "vPixel",
  "out",
  "outPixel",
  "pixels",
  "heads",
  "keyFloats",
  "valueFloats",
  "scale",
] as const;
/** Queries of one tile: they share each load of k and v. */
export const ATTENTION_QUERIES = 4;

/**
 * softmax(q·kᵀ·scale)·v for four queries of one head; the numbers of a head's keys and values are multiples of four, heads lie one after another
 * within the pixel. The scores of the tile stand in scratch memory.
 */
export const attention = (): Kernel<(typeof ATTENTION_FIELDS)[number]> =>
  kernel("attention", ATTENTION_FIELDS, (k) => {
    const { f } = k;
    const pixels = k.local("pixels");
    const blocks = f.i32(i32.divU(i32.add(pixels, ATTENTION_QUERIES - 1), ATTENTION_QUERIES));
    const heads = k.local("heads");
    const image = f.i32(i32.divU(k.tile, i32.mul(blocks, heads)));
    const rest = f.i32(i32.sub(k.tile, i32.mul(image, i32.mul(blocks, heads))));
    const head = f.i32(i32.divU(rest, blocks));
    const first = f.i32(i32.mul(i32.sub(rest, i32.mul(head, blocks)), ATTENTION_QUERIES));
    const keyBytes = f.i32(i32.shl(k.arg("keyFloats"), 2));
    const valueBytes = f.i32(i32.shl(k.arg("valueFloats"), 2));
    const base = (
      of: "q" | "k" | "v" | "out",
      step: "qPixel" | "kPixel" | "vPixel" | "outPixel",
      headBytes: I32Local,
    ): I32Local =>
      f.i32(i32.add(i32.add(k.arg(of), i32.mul(i32.mul(image, pixels), k.arg(step))), i32.mul(head, headBytes)));
    const [qBase, kBase, vBase, outBase] = [
      base("q", "qPixel", keyBytes),
      base("k", "kPixel", keyBytes),
      base("v", "vPixel", valueBytes),
      base("out", "outPixel", valueBytes),
    ];
    const lanes = Array.from({ length: ATTENTION_QUERIES }, (_, i) => i);
    const last = f.i32(i32.sub(pixels, 1));
    const queries = lanes.map((i) => k.min(i32.add(first, i), last));
    const offset = f.i32();
    const j = f.i32();
    const rowBytes = f.i32(i32.shl(i32.shl(i32.shrU(i32.add(pixels, 3), 2), 2), 2));
    const rows = lanes.map((i) => f.i32(i32.add(k.scratch, i32.add(64, i32.mul(rowBytes, i)))));
    const sums = f.vecs(ATTENTION_QUERIES);
    const source = f.i32();
    const pointers = lanes.map(() => f.i32());

    f.set(source, kBase);
    f.for(j, 0, pixels, 1, () => {
      for (const i of lanes) {
        f.setVec(sums[i], vec.splat(0));
        f.set(pointers[i], i32.add(qBase, i32.mul(queries[i], k.arg("qPixel"))));
      }
      f.for(offset, 0, keyBytes, 16, () => {
        const key = f.vec(vec.load(f.i32(i32.add(source, offset))));
        for (const i of lanes) {
          f.setVec(sums[i], vec.madd(vec.load(pointers[i]), key, sums[i]));
          f.increase(pointers[i], 16);
        }
      });
      for (const i of lanes) {
        const sum = [0, 1, 2, 3].map((l) => vec.lane(sums[i], l)).reduce((a, b) => f32.add(a, b));
        f.storeF32(i32.add(rows[i], i32.shl(j, 2)), f32.mul(sum, k.float("scale")));
      }
      f.increase(source, k.arg("kPixel"));
    });

    const inverses = lanes.map((i) => {
      const top = f.f32(f32.const(Number.NEGATIVE_INFINITY));
      const end = f.i32(i32.add(rows[i], i32.shl(pixels, 2)));
      const at = f.i32();
      f.for(at, rows[i], end, 4, () => f.setF32(top, f32.max(top, f32.load(at))));
      // The last vector may reach beyond the row: what it adds there is taken off by writing −∞ first.
      const padded = f.i32(i32.add(rows[i], rowBytes));
      f.for(at, end, padded, 4, () => f.storeF32(at, f32.const(Number.NEGATIVE_INFINITY)));
      const sum = f.vec(vec.splat(0));
      f.for(at, rows[i], padded, 16, () => {
        const e: Vec = exp(f, vec.sub(vec.load(at), vec.splat(top)));
        f.setVec(sum, vec.add(sum, e));
        f.storeVec(at, e);
      });
      return f.f32(
        f32.div(
          1,
          [0, 1, 2, 3].map((l) => vec.lane(sum, l)).reduce((a, b) => f32.add(a, b)),
        ),
      );
    });

    f.for(offset, 0, valueBytes, 16, () => {
      for (const i of lanes) {
        f.setVec(sums[i], vec.splat(0));
        f.set(pointers[i], rows[i]);
      }
      f.set(source, i32.add(vBase, offset));
      f.for(j, 0, pixels, 1, () => {
        const value = f.vec(vec.load(source));
        for (const i of lanes) {
          f.setVec(sums[i], vec.madd(vec.loadSplat(pointers[i]), value, sums[i]));
          f.increase(pointers[i], 4);
        }
        f.increase(source, k.arg("vPixel"));
      });
      for (const i of lanes) {
        const at = f.i32(i32.add(i32.add(outBase, offset), i32.mul(queries[i], k.arg("outPixel"))));
        f.storeVec(at, vec.mul(sums[i], vec.splat(inverses[i])));
      }
    });
  });

/** Scratch bytes of an attention tile. */
export function attentionScratch(pixels: number): number {
  return 64 + ATTENTION_QUERIES * (Math.ceil(pixels / 4) * 16);
}
