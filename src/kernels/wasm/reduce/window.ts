/**
 * Kernels that look at a window of each channel by itself: max pooling and depthwise convolution. NHWC, four channels
 * at a time; taps beyond the edge are left out (for a maximum −∞, for a sum 0). A tile is one output row.
 */

import { type ConvVariant, convKey } from "../conv/variant.js";
import { type FunctionBuilder, type I32, type I32Local, i32, type Vec, type VecLocal, vec } from "../emit/index.js";
import { type Kernel, type KernelBody, kernel } from "../kernel.js";
import { activate } from "../map/activations.js";
import type { IntegerFormat } from "../move/quantize.js";

const WINDOW_FIELDS = [
  "x",
  "xPixel",
  "xRow",
  "xImage",
  "inHeight",
  "inWidth",
  "strideY",
  "strideX",
  "padY",
  "padX",
  "dilationY",
  "dilationX",
  "kernelY",
  "kernelX",
  "height",
  "width",
  "channels",
  "out",
  "outPixel",
  "outRow",
  "outImage",
  "weights",
  "bias",
  "residual",
  "residualPixel",
] as const;
export type WindowField = (typeof WINDOW_FIELDS)[number];

/** First tap inside: ⌈max(0, −origin) ÷ dilation⌉. */
function firstTap(f: FunctionBuilder, origin: I32, dilation: I32): I32Local {
  const outside = f.i32(i32.sub(0, origin));
  f.set(outside, i32.select(i32.gtS(outside, 0), outside, 0));
  return f.i32(i32.divU(i32.sub(i32.add(outside, dilation), 1), dilation));
}

/** Taps up to the first beyond `size`: min(kernel, ⌈(size − origin) ÷ dilation⌉); origin < size. */
function endTap(k: KernelBody<WindowField>, origin: I32, size: I32, dilation: I32, kernelSize: I32): I32Local {
  const { f } = k;
  const inside = f.i32(i32.sub(size, origin));
  f.set(inside, i32.select(i32.gtS(inside, 0), inside, 0));
  return k.min(f.i32(i32.divU(i32.sub(i32.add(inside, dilation), 1), dilation)), kernelSize);
}

function windowKernel(
  name: string,
  parts: {
    readonly start: (k: KernelBody<WindowField>, sum: VecLocal, channel: I32Local) => void;
    readonly tap: (f: FunctionBuilder, sum: VecLocal, x: Vec, weight: () => Vec) => void;
    readonly finish: (k: KernelBody<WindowField>, sum: VecLocal, pixel: I32Local, channel: I32Local) => Vec;
  },
): Kernel<WindowField> {
  return kernel(name, WINDOW_FIELDS, (k) => {
    const { f } = k;
    const image = f.i32(i32.divU(k.tile, k.arg("height")));
    const oy = f.i32(i32.sub(k.tile, i32.mul(image, k.arg("height"))));
    const originY = f.i32(i32.sub(i32.mul(oy, k.arg("strideY")), k.arg("padY")));
    const dilationY = k.local("dilationY");
    const dilationX = k.local("dilationX");
    const startY = firstTap(f, originY, dilationY);
    const endY = endTap(k, originY, k.arg("inHeight"), dilationY, k.arg("kernelY"));
    const xPixel = k.local("xPixel");
    const xRow = k.local("xRow");
    const base = f.i32(i32.add(k.arg("x"), i32.mul(image, k.arg("xImage"))));
    const channelBytes = f.i32(i32.shl(k.arg("channels"), 2));
    const width = k.local("width");
    const ox = f.i32();
    const originX = f.i32();
    const startX = f.i32();
    const endX = f.i32();
    const channel = f.i32();
    const ky = f.i32();
    const kx = f.i32();
    const source = f.i32();
    const weight = f.i32();
    const pixel = f.i32(i32.mul(k.tile, width));
    const row = f.i32();
    const stepX = f.i32(i32.mul(dilationX, xPixel));
    const sum = f.vec();
    const out = f.i32();
    const outRow = f.i32(
      i32.add(k.arg("out"), i32.add(i32.mul(image, k.arg("outImage")), i32.mul(oy, k.arg("outRow")))),
    );
    f.for(ox, 0, width, 1, () => {
      f.set(originX, i32.sub(i32.mul(ox, k.arg("strideX")), k.arg("padX")));
      f.set(startX, firstTap(f, originX, dilationX));
      f.set(endX, endTap(k, originX, k.arg("inWidth"), dilationX, k.arg("kernelX")));
      f.set(out, i32.add(outRow, i32.mul(ox, k.arg("outPixel"))));
      f.for(channel, 0, channelBytes, 16, () => {
        parts.start(k, sum, channel);
        f.for(ky, startY, endY, 1, () => {
          f.set(row, i32.add(base, i32.mul(i32.add(originY, i32.mul(ky, dilationY)), xRow)));
          f.set(source, i32.add(i32.add(row, i32.mul(i32.add(originX, i32.mul(startX, dilationX)), xPixel)), channel));
          f.set(
            weight,
            i32.add(
              i32.add(k.arg("weights"), channel),
              i32.mul(i32.add(i32.mul(ky, k.arg("kernelX")), startX), channelBytes),
            ),
          );
          f.for(kx, startX, endX, 1, () => {
            parts.tap(f, sum, vec.load(source), () => vec.load(weight));
            f.increase(source, stepX);
            f.increase(weight, channelBytes);
          });
        });
        const address = f.i32(i32.add(out, channel));
        f.storeVec(address, parts.finish(k, sum, pixel, channel));
      });
      f.increase(pixel, 1);
    });
  });
}

export const maxPool = (): Kernel<WindowField> =>
  windowKernel("maxPool2d", {
    start: ({ f }, sum) => f.setVec(sum, vec.splat(Number.NEGATIVE_INFINITY)),
    // pmax keeps its first operand unless it is smaller: a NaN of the input comes through.
    tap: (f, sum, x) => f.setVec(sum, vec.pmax(f.vec(x), sum)),
    finish: (_, sum) => sum,
  });

/** Of integers, sixteen bytes where the float32 kernel has four channels. */
export const integerMaxPool = (format: IntegerFormat): Kernel<WindowField> =>
  windowKernel(`maxPool2d ${format}`, {
    start: ({ f }, sum) => f.setVec(sum, vec.splatI32(LEAST[format])),
    tap: (f, sum, x) => f.setVec(sum, vec.maxIntegers[format](x, sum)),
    finish: (_, sum) => sum,
  });

/** Smallest number of each format, as often as it fits into 32 bits. */
const LEAST: Readonly<Record<IntegerFormat, number>> = {
  unsigned: 0,
  signed: 0x80808080 | 0,
  int16: 0x80008000 | 0,
};

/** Weights are packed [tap][channel]. */
export const depthwise = (variant: ConvVariant): Kernel<WindowField> =>
  windowKernel(convKey("conv2d_depthwise", variant), {
    start: (k, sum, channel) => k.f.setVec(sum, vec.load(k.f.i32(i32.add(k.arg("bias"), channel)))),
    tap: (f, sum, x, weight) => f.setVec(sum, vec.madd(x, weight(), sum)),
    finish: (k, sum, pixel, channel) => {
      const { f } = k;
      const value = activate(f, variant.activation, sum);
      if (!variant.residual) return value;
      const residual = f.i32(i32.add(i32.add(k.arg("residual"), i32.mul(pixel, k.arg("residualPixel"))), channel));
      return vec.add(f.vec(value), vec.load(residual));
    },
  });
