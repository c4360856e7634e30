/**
 * Decodes PNG to RGB bytes like `cv2.imread(IMREAD_COLOR)`: grey expanded to three channels, palettes expanded, alpha
 * and tRNS dropped (not blended), 16 bits truncated to their upper 8, gamma and colour profiles not applied.
 */

import { ImageError } from "../../errors.js";
import { inflateInto, MAX_DEFLATE_RATIO } from "../../inflate.js";
import { exifOrientation } from "../exif.js";
import type { DecodeBudget } from "../limits.js";
import { applyOrientation } from "../orient.js";
import type { RgbImage } from "../types.js";
import { type PngHeader, readPngChunks } from "./chunks.js";
import { unfilter } from "./unfilter.js";

/** One pass of pixels: the whole picture, or one of Adam7's seven grids. */
interface Pass {
  readonly x: number;
  readonly y: number;
  readonly dx: number;
  readonly dy: number;
  readonly width: number;
  readonly height: number;
  readonly rowBytes: number;
}

const ADAM7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

function passesOf(header: PngHeader, bitsPerPixel: number): readonly Pass[] {
  const grids = header.interlaced ? ADAM7 : ([[0, 0, 1, 1]] as const);
  return grids
    .map(([x, y, dx, dy]) => {
      const width = Math.ceil((header.width - x) / dx);
      const height = Math.ceil((header.height - y) / dy);
      return { x, y, dx, dy, width, height, rowBytes: Math.ceil((width * bitsPerPixel) / 8) };
    })
    .filter((pass) => pass.width > 0 && pass.height > 0);
}

function inflate(compressed: Uint8Array, expected: number, what: string): Uint8Array {
  const [cmf, flags] = compressed;
  if (compressed.length < 2 || (cmf & 15) !== 8 || cmf >> 4 > 7 || ((cmf << 8) | flags) % 31 !== 0 || flags & 32) {
    throw new ImageError(`${what}: damaged PNG: its pixels are not a zlib stream`, {});
  }
  // Larger claims are refused before allocating.
  if (expected > compressed.length * MAX_DEFLATE_RATIO) {
    throw new ImageError(
      `${what}: damaged PNG: ${compressed.length} bytes of data cannot hold its ${expected} bytes of pixels`,
      { compressed: compressed.length, expected },
    );
  }
  const raw = new Uint8Array(expected);
  let found: number;
  try {
    found = inflateInto(compressed.subarray(2), raw);
  } catch (cause) {
    throw new ImageError(`${what}: damaged PNG: its pixels cannot be decompressed`, {}, { cause });
  }
  if (found < expected) {
    throw new ImageError(`${what}: damaged PNG: it holds ${found} of ${expected} bytes of pixels`, {
      found,
      expected,
    });
  }
  return raw;
}

/** Undoes the filters of one pass and writes its rows into the RGB picture. */
function expandPass(pass: Pass, raw: Uint8Array, at: number, header: PngHeader, palette: Uint8Array, out: Uint8Array) {
  const { depth, colorType, width } = header;
  const step = pass.dx * 3;
  const color = colorType === 2 || colorType === 6;
  const sampleBytes = depth === 16 ? 2 : 1;
  const pixelBytes = (color ? (colorType === 6 ? 4 : 3) : colorType === 4 ? 2 : 1) * sampleBytes;
  const mask = (1 << depth) - 1;
  // Grey levels of 1, 2 and 4 bits are spread over 0…255.
  const scale = depth < 8 ? 255 / mask : 1;
  for (let row = 0; row < pass.height; row++) {
    let from = at + row * (pass.rowBytes + 1) + 1;
    let to = ((pass.y + row * pass.dy) * width + pass.x) * 3;
    if (color) {
      for (let i = 0; i < pass.width; i++, from += pixelBytes, to += step) {
        out[to] = raw[from];
        out[to + 1] = raw[from + sampleBytes];
        out[to + 2] = raw[from + 2 * sampleBytes];
      }
    } else if (colorType === 3) {
      for (let i = 0; i < pass.width; i++, to += step) {
        const bit = i * depth;
        const index = (raw[from + (bit >> 3)] >> (8 - depth - (bit & 7))) & mask;
        // Beyond the palette's end libpng's table is black.
        if (index * 3 < palette.length) {
          out[to] = palette[index * 3];
          out[to + 1] = palette[index * 3 + 1];
          out[to + 2] = palette[index * 3 + 2];
        }
      }
    } else if (depth >= 8) {
      for (let i = 0; i < pass.width; i++, from += pixelBytes, to += step) {
        const level = raw[from];
        out[to] = level;
        out[to + 1] = level;
        out[to + 2] = level;
      }
    } else {
      for (let i = 0; i < pass.width; i++, to += step) {
        const bit = i * depth;
        const level = ((raw[from + (bit >> 3)] >> (8 - depth - (bit & 7))) & mask) * scale;
        out[to] = level;
        out[to + 1] = level;
        out[to + 2] = level;
      }
    }
  }
}

/**
 * Decodes a PNG (for an animated one, its default picture), rotated upright by its eXIf chunk.
 * @param what begins messages, e.g. `bus.png`.
 * @throws ImageError in the cases that OpenCV refuses too: truncated, wrong checksums, too few pixels, unknown pixel
 * layouts.
 */
export function decodePng(bytes: Uint8Array, budget: DecodeBudget): RgbImage {
  const { what } = budget;
  const { header, palette, compressed, exif } = readPngChunks(bytes, what);
  const { width, height, depth, colorType } = header;
  budget.size(width, height);
  const samples = colorType === 2 ? 3 : colorType === 4 ? 2 : colorType === 6 ? 4 : 1;
  const passes = passesOf(header, samples * depth);
  let expected = 0;
  for (const pass of passes) expected += pass.height * (pass.rowBytes + 1);
  budget.memory(expected + width * height * 3);
  const raw = inflate(compressed, expected, what);
  const data = new Uint8Array(width * height * 3);
  // Only the upper 8 of 16 bits are used, and alpha is not.
  const lanes = Array.from({ length: samples < 3 ? 1 : 3 }, (_, i) => i * Math.max(1, depth >> 3));
  let at = 0;
  for (const pass of passes) {
    const unknown = unfilter(raw, at, pass.height, pass.rowBytes, Math.max(1, (samples * depth) >> 3), lanes);
    if (unknown !== undefined) throw new ImageError(`${what}: damaged PNG: unknown row filter ${unknown}`, { unknown });
    expandPass(pass, raw, at, header, palette, data);
    at += pass.height * (pass.rowBytes + 1);
  }
  return applyOrientation({ width, height, data }, exif && exifOrientation(exif));
}
