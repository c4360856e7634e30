/**
 * float32 pixels as numbers for the integer kernels: round(x ÷ scale), half to even, clamped to the 256 steps of the
 * quantization, plus an offset that suits the kernels: int16 without the zero point, or bytes that contain it.
 *
 * A vector of them at a time; the last may read floats beyond the pixel, whose numbers meet zero weights. A tile is a row
 * of the output.
 */

import { type FunctionBuilder, type I32Local, i32, type Vec, type VecLocal, vec } from "../emit/index.js";
import { type Kernel, type KernelBody, kernel } from "../kernel.js";
import { each } from "../map/math.js";

/** int16, or the bytes that the host's dot product takes. */
export type IntegerFormat = "int16" | "unsigned" | "signed";

/** Numbers of a format in 32 bits. */
export const lanesOf = (format: IntegerFormat): 2 | 4 => (format === "int16" ? 2 : 4);

const SHARED_FIELDS = [
  "x",
  "xRow",
  "xImage",
  "height",
  "width",
  "padY",
  "padX",
  "out",
  "outRow",
  "inverse",
  "low",
  "high",
  "offset",
  "edge",
] as const;
type SharedField = (typeof SHARED_FIELDS)[number];
const FIELDS = [...SHARED_FIELDS, "xPixel", "channels"] as const;
export type QuantizeField = (typeof FIELDS)[number];

/** 1.5 × 2²³: a small number added to it is rounded and stands in the low bits of the mantissa. */
const ROUNDING = 12582912;
const ROUNDING_BITS = 0x4b400000;

/**
 * Gives vectors of floats as whole numbers with their offset, in int32 lanes.
 * @param clamped to the 256 steps; false where the numbers are narrowed to bytes, which clamps them, and no float is below −2²³ steps
 */
export function rounding<Field extends string>(
  k: KernelBody<Field | "inverse" | "low" | "high" | "offset">,
  clamped = true,
): (values: readonly Vec[]) => VecLocal[] {
  const { f } = k;
  const inverse = f.vec(k.splat("inverse"));
  const low = f.vec(k.splat("low"));
  const high = f.vec(k.splat("high"));
  const offset = f.vec(k.splat("offset"));
  return (values) => {
    const rounded = each(f, values, (value) => {
      const steps = vec.mul(value, inverse);
      return vec.add(clamped ? vec.pmax(vec.pmin(steps, high), low) : steps, vec.splat(ROUNDING));
    });
    return each(f, rounded, (bits) => vec.subI32(bits, offset));
  };
}

/** The argument `offset`: what is taken from the bits of a rounded number, so that `added` more than it remains. */
export const roundingOffset = (added: number): number => ROUNDING_BITS - added;

/**
 * Writes the border of a row and lets `write` do what is between, from `out` on. The low byte of `edge` fills the border.
 * @param pixelBytes of the output
 */
function bordered<Field extends string>(
  k: KernelBody<Field | SharedField>,
  pixelBytes: I32Local,
  write: (row: { readonly x: I32Local; readonly out: I32Local; readonly width: I32Local }) => void,
): void {
  const { f } = k;
  const width = k.local("width");
  const padY = k.local("padY");
  const padX = k.local("padX");
  const rowBytes = k.local("outRow");
  const rows = f.i32(i32.add(k.arg("height"), i32.shl(padY, 1)));
  const image = f.i32(i32.divU(k.tile, rows));
  const y = f.i32(i32.sub(i32.sub(k.tile, i32.mul(image, rows)), padY));
  const out = f.i32(i32.add(k.arg("out"), i32.mul(k.tile, rowBytes)));
  const end = f.i32(i32.add(out, rowBytes));
  f.if(i32.geU(y, k.arg("height")), () => {
    f.fillMemory(out, k.arg("edge"), rowBytes);
    f.return();
  });
  const border = f.i32(i32.mul(padX, pixelBytes));
  f.fillMemory(out, k.arg("edge"), border);
  f.increase(out, border);
  const behind = f.i32(i32.add(out, i32.mul(width, pixelBytes)));
  const x = f.i32(i32.add(k.arg("x"), i32.add(i32.mul(image, k.arg("xImage")), i32.mul(y, k.arg("xRow")))));
  write({ x, out, width });
  f.fillMemory(behind, k.arg("edge"), i32.sub(end, behind));
}

/** Sixteen bytes of integers from the floats at `x`; moves `x` on. */
function vectorOf(
  f: FunctionBuilder,
  format: IntegerFormat,
  whole: ReturnType<typeof rounding>,
  x: I32Local,
): VecLocal {
  const vectors = lanesOf(format);
  const [a, b, c, d] = whole(Array.from({ length: vectors }, (_, v) => f.vec(vec.load(x, v * 16))));
  f.increase(x, vectors * 16);
  const first = vec.narrowI32(a, b);
  return f.vec(format === "int16" ? first : vec.narrowI16[format](first, vec.narrowI32(c, d)));
}

/**
 * NHWC pixels. `channels` is a multiple of what a vector holds, eight int16 or sixteen bytes. The output is a map of pixels of
 * that many with a border of `padY` rows and `padX` columns of the zero point on each side.
 */
export function quantize(format: IntegerFormat): Kernel<QuantizeField> {
  return kernel(`quantize ${format}`, FIELDS, (k) => {
    const { f } = k;
    const channels = k.local("channels");
    const whole = rounding(k);
    const lanes = lanesOf(format);
    const pixelBytes = f.i32(lanes === 2 ? i32.shl(channels, 1) : channels);
    bordered(k, pixelBytes, ({ x: row, out, width }) => {
      const xPixel = k.local("xPixel");
      const x = f.i32();
      const left = f.i32();
      const pixel = f.i32();
      f.for(pixel, 0, width, 1, () => {
        f.set(x, row);
        f.set(left, channels);
        f.doWhile(() => {
          f.storeVec(out, vectorOf(f, format, whole, x));
          f.increase(out, 16);
          f.set(left, i32.sub(left, lanes * 4));
        }, left);
        f.increase(row, xPixel);
      });
    });
  });
}

const PLANE_FIELDS = [...SHARED_FIELDS, "xPlane"] as const;
export type QuantizePlanesField = (typeof PLANE_FIELDS)[number];
/** Bytes of a vector. */
const VECTOR_BYTES = 16;

/**
 * One to four planes as pixels of as many numbers, one after the other, for a first convolution. Four pixels at a time: a row has room
 * for a multiple of four between its borders.
 */
export function quantizePlanes(format: IntegerFormat, planes: number): Kernel<QuantizePlanesField> {
  return kernel(`quantize ${planes} planes ${format}`, PLANE_FIELDS, (k) => {
    const { f } = k;
    const whole = rounding(k);
    const lanes = lanesOf(format);
    const numberBytes = 4 / lanes;
    const pixelBytes = f.i32(planes * numberBytes);
    bordered(k, pixelBytes, ({ x, out, width }) => {
      const xPlane = k.local("xPlane");
      const pixel = f.i32();
      const from = f.i32();
      const mask = f.vec(vec.splatI32(lanes === 2 ? 0xffff : 0xff));
      /** Four pixels in each vector, of which so many numbers each. */
      const words = f.vecs(Math.ceil(planes / lanes));
      f.for(pixel, 0, width, 4, () => {
        f.set(from, x);
        for (const [v, word] of words.entries()) {
          for (let lane = 0; lane < lanes && v * lanes + lane < planes; lane++) {
            const number = vec.andBits(whole([f.vec(vec.load(from))])[0], mask);
            const bits = 8 * numberBytes * lane;
            f.setVec(word, lane === 0 ? number : vec.orBits(word, vec.shiftBitsLeft(number, bits)));
            f.increase(from, xPlane);
          }
        }
        storePixels(f, out, words, planes * numberBytes);
        f.increase(x, 16);
        f.increase(out, 4 * planes * numberBytes);
      });
    });
  });
}

/** Writes four pixels of `pixelBytes` each, of which every vector holds four bytes at most. */
function storePixels(f: FunctionBuilder, out: I32Local, words: readonly VecLocal[], pixelBytes: number): void {
  const [first, second = first] = words;
  for (let at = 0, bytes: 4 | 8 | 16; at < 4 * pixelBytes; at += bytes) {
    const left = 4 * pixelBytes - at;
    bytes = left >= VECTOR_BYTES ? VECTOR_BYTES : left >= 8 ? 8 : 4;
    const order = Array.from({ length: VECTOR_BYTES }, (_, i) => {
      // Those behind the last are not stored.
      const [pixel, byte] = [((at + i) / pixelBytes) & 3, (at + i) % pixelBytes];
      return (byte >> 2) * VECTOR_BYTES + pixel * 4 + (byte & 3);
    });
    f.storePart(out, vec.shuffle(first, second, order), bytes, at);
  }
}
