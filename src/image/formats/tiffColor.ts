/**
 * Rows of TIFF samples to RGB in libtiff's arithmetic (`TIFFReadRGBAImage`, which OpenCV reads with): grey, palettes, RGB,
 * CMYK, YCbCr and CIE L*a*b*. Source: TIFF 6.0, sections 16, 20, 21 and 23; constants of libtiff 4.5.
 */

import { TAG, type TiffTags } from "./tiffTags.js";

/** Photometric interpretations. */
export const PHOTOMETRIC = {
  whiteIsZero: 0,
  blackIsZero: 1,
  rgb: 2,
  palette: 3,
  cmyk: 5,
  ycbcr: 6,
  cielab: 8,
} as const;

/** Converts `count` pixels of 8-bit samples starting at `from` to RGB at `to` in `out`. */
export type ToRgb = (samples: Uint8Array, from: number, count: number, out: Uint8Array, to: number) => void;

/** Converts three samples to red, green and blue at `to` in `out`. */
export type ColorOf = (first: number, second: number, third: number, out: Uint8Array, to: number) => void;

/**
 * The conversion for a file's tags.
 * @param bits bits per stored sample; with fewer than 8, samples are levels from 0 to 2^bits − 1.
 */
export function toRgbOf(photometric: number, samples: number, bits: number, tags: TiffTags): ToRgb {
  switch (photometric) {
    case PHOTOMETRIC.rgb:
      return samples === 4 && bits === 8 && tags.first(TAG.extraSamples, 0) === 2 ? unassociated : rgb(samples);
    case PHOTOMETRIC.palette:
      return byTable(samples, paletteTable(tags));
    case PHOTOMETRIC.cmyk:
      return cmyk(samples);
    case PHOTOMETRIC.ycbcr:
      return byColor(samples, ycbcrColor(tags));
    case PHOTOMETRIC.cielab:
      return byColor(samples, cielabColor(tags));
    default:
      return byTable(samples, greyTable(bits, photometric === PHOTOMETRIC.whiteIsZero));
  }
}

function rgb(samples: number): ToRgb {
  return (source, from, count, out, to) => {
    for (let i = 0, at = from, p = to; i < count; i++, at += samples, p += 3) {
      out[p] = source[at];
      out[p + 1] = source[at + 1];
      out[p + 2] = source[at + 2];
    }
  };
}

/** Colours with an alpha that is not yet multiplied in. */
const unassociated: ToRgb = (source, from, count, out, to) => {
  for (let i = 0, at = from, p = to; i < count; i++, at += 4, p += 3) {
    const alpha = source[at + 3];
    for (let c = 0; c < 3; c++) out[p + c] = Math.floor((source[at + c] * alpha + 127) / 255);
  }
};

function cmyk(samples: number): ToRgb {
  return (source, from, count, out, to) => {
    for (let i = 0, at = from, p = to; i < count; i++, at += samples, p += 3) {
      const light = 255 - source[at + 3];
      for (let c = 0; c < 3; c++) out[p + c] = Math.floor((light * (255 - source[at + c])) / 255);
    }
  };
}

function byTable(samples: number, table: Uint8Array): ToRgb {
  return (source, from, count, out, to) => {
    for (let i = 0, at = from, p = to; i < count; i++, at += samples, p += 3) {
      const entry = source[at] * 3;
      out[p] = table[entry];
      out[p + 1] = table[entry + 1];
      out[p + 2] = table[entry + 2];
    }
  };
}

function byColor(samples: number, colorOf: ColorOf): ToRgb {
  return (source, from, count, out, to) => {
    for (let i = 0, at = from, p = to; i < count; i++, at += samples, p += 3) {
      colorOf(source[at], source[at + 1], source[at + 2], out, p);
    }
  };
}

function greyTable(bits: number, invert: boolean): Uint8Array {
  const top = (1 << Math.min(bits, 8)) - 1;
  return Uint8Array.from({ length: 256 * 3 }, (_, i) => {
    const level = (Math.floor(i / 3) * 255) / top;
    return invert ? 255 - level : level;
  });
}

function paletteTable(tags: TiffTags): Uint8Array {
  const palette = tags.all(TAG.palette);
  const entries = palette.length / 3;
  return Uint8Array.from({ length: 256 * 3 }, (_, i) => (palette[(i % 3) * entries + Math.floor(i / 3)] ?? 0) >> 8);
}

const f32 = Math.fround;
const clamp = (value: number, low: number, high: number): number => Math.max(low, Math.min(value, high));

/** YCbCr by the file's luma coefficients and reference levels. */
export function ycbcrColor(tags: TiffTags): ColorOf {
  const [red = 0.299, green = 0.587, blue = 0.114] = tags.all(TAG.lumaCoefficients).map(f32);
  const levels = tags.all(TAG.referenceBlackWhite).map(f32);
  const [y0, y1, cb0, cb1, cr0, cr1] = levels.length === 6 ? levels : [0, 255, 128, 255, 128, 255];
  const fix = (value: number): number => Math.trunc(clamp(value, 0, 2) * 65536 + 0.5);
  const toRed = fix(2 - 2 * red);
  const toBlue = fix(2 - 2 * blue);
  const crToGreen = -fix((red * (2 - 2 * red)) / green);
  const cbToGreen = -fix((blue * (2 - 2 * blue)) / green);
  const level = (code: number, black: number, white: number, range: number): number =>
    clamp(Math.trunc(((code - Math.trunc(black)) * range) / (white - black || 1)), -4096, 4096);
  const table = (make: (code: number) => number): Int32Array => Int32Array.from({ length: 256 }, (_, i) => make(i));
  const luma = table((i) => level(i, y0, y1, 255));
  const cbs = table((i) => level(i - 128, cb0 - 128, cb1 - 128, 127));
  const crs = table((i) => level(i - 128, cr0 - 128, cr1 - 128, 127));
  const crRed = table((i) => (toRed * crs[i] + 32768) >> 16);
  const cbBlue = table((i) => (toBlue * cbs[i] + 32768) >> 16);
  return (y, cb, cr, out, to) => {
    out[to] = clamp(luma[y] + crRed[cr], 0, 255);
    out[to + 1] = clamp(luma[y] + ((cbToGreen * cbs[cb] + 32768 + crToGreen * crs[cr]) >> 16), 0, 255);
    out[to + 2] = clamp(luma[y] + cbBlue[cb], 0, 255);
  };
}

/** XYZ to linear sRGB. */
const SRGB = [
  [3.241, -1.5374, -0.4986],
  [-0.9692, 1.876, 0.0416],
  [0.0556, -0.204, 1.057],
].map((row) => row.map(f32));
/** Steps of libtiff's table from light to pixel values. */
const STEPS = 1500;
const GAMMA = f32(2.4);
/** Chromaticity of D50, which TIFF's L*a*b* is relative to. */
const D50 = [96.425 / 278.893, 100 / 278.893];

/** L*a*b* of 8 bits, a and b signed, shown on libtiff's display (light of 1 to 100). */
function cielabColor(tags: TiffTags): ColorOf {
  const given = tags.all(TAG.whitePoint);
  const [wx, wy] = (given.length === 2 && given[1] > 0 ? given : D50).map(f32);
  const [x0, y0, z0] = [f32(f32(wx / wy) * 100), 100, f32(f32((1 - wx - wy) / wy) * 100)];
  const values = Uint8Array.from({ length: STEPS + 1 }, (_, i) => Math.floor(255 * (i / STEPS) ** (1 / GAMMA) + 0.5));
  const step = f32(99 / STEPS);
  const axis = (white: number, t: number): number =>
    t < 0.2069 ? f32((white * f32(t - f32(0.13793))) / f32(7.787)) : f32(f32(f32(white * t) * t) * t);
  return (l, a, b, out, to) => {
    const lightness = f32((l * 100) / 255);
    let y: number;
    let cubeRoot: number;
    if (lightness < 8.856) {
      y = f32((lightness * y0) / f32(903.292));
      cubeRoot = f32(f32(f32(7.787) * f32(y / y0)) + f32(16 / 116));
    } else {
      cubeRoot = f32(f32(lightness + 16) / 116);
      y = f32(f32(f32(y0 * cubeRoot) * cubeRoot) * cubeRoot);
    }
    const x = axis(x0, f32(f32(((a << 24) >> 24) / 500) + cubeRoot));
    const z = axis(z0, f32(cubeRoot - f32(((b << 24) >> 24) / 200)));
    for (let c = 0; c < 3; c++) {
      const [mx, my, mz] = SRGB[c];
      const light = clamp(f32(f32(f32(mx * x) + f32(my * y)) + f32(mz * z)), 1, 100);
      out[to + c] = values[Math.min(STEPS, Math.trunc(f32(f32(light - 1) / step)))];
    }
  };
}
