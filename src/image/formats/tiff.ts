/**
 * Baseline TIFF: strips and tiles; grey, RGB, palette and bilevel; 1, 2, 4, 8 and 16 bits; none, LZW, Deflate and
 * PackBits; horizontal differencing; the first picture of the file, upright by its orientation tag. As libtiff and so
 * OpenCV do, 16 bits are rounded to 8 and alpha is dropped, but 8-bit colours are first multiplied by it where it is
 * "unassociated". Source: TIFF 6.0 and its technical notes.
 */

import { ImageError } from "../../errors.js";
import { checkPictureSize } from "../limits.js";
import { applyOrientation } from "../orient.js";
import type { RgbImage } from "../types.js";
import { COMPRESSIONS } from "./tiffUnpack.js";

const TAG = {
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  photometric: 262,
  stripOffsets: 273,
  orientation: 274,
  samples: 277,
  rowsPerStrip: 278,
  stripBytes: 279,
  planar: 284,
  predictor: 317,
  palette: 320,
  tileWidth: 322,
  tileHeight: 323,
  tileOffsets: 324,
  tileBytes: 325,
  extraSamples: 338,
  sampleFormat: 339,
} as const;

/** Photometric interpretations. */
const [WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE] = [0, 1, 2, 3];

const OTHER_COMPRESSIONS: Readonly<Record<number, string>> = {
  2: "CCITT fax",
  3: "CCITT fax (group 3)",
  4: "CCITT fax (group 4)",
  6: "old JPEG",
  7: "JPEG",
  34925: "LZMA",
  50000: "Zstandard",
  50001: "WebP",
};

function refuse(what: string, why: string): never {
  throw new ImageError(`${what}: ${why}`, { reason: why });
}

/** Bytes of a value of each field type. */
const TYPE_BYTES: Readonly<Record<number, number>> = { 1: 1, 3: 2, 4: 4 };

/** The numeric tags of the first directory. */
function readTags(bytes: Uint8Array, view: DataView, little: boolean, what: string): ReadonlyMap<number, number[]> {
  const damaged = () => refuse(what, "damaged TIFF: its directory lies outside the file (truncated?)");
  if (bytes.length < 8) damaged();
  const directory = view.getUint32(4, little);
  if (directory + 2 > bytes.length) damaged();
  const tags = new Map<number, number[]>();
  for (let i = 0; i < view.getUint16(directory, little); i++) {
    const at = directory + 2 + i * 12;
    if (at + 12 > bytes.length) damaged();
    const size = TYPE_BYTES[view.getUint16(at + 2, little)];
    const count = view.getUint32(at + 4, little);
    if (size === undefined) continue;
    const from = size * count <= 4 ? at + 8 : view.getUint32(at + 8, little);
    if (from + size * count > bytes.length) damaged();
    const read = (p: number) =>
      size === 1 ? bytes[p] : size === 2 ? view.getUint16(p, little) : view.getUint32(p, little);
    tags.set(
      view.getUint16(at, little),
      Array.from({ length: count }, (_, k) => read(from + k * size)),
    );
  }
  return tags;
}

interface Layout {
  readonly width: number;
  readonly height: number;
  readonly bits: number;
  /** Samples that lie side by side in a chunk: all of a pixel, or one where planes are stored apart. */
  readonly together: number;
  readonly little: boolean;
  readonly differences: boolean;
}

/** Undoes horizontal differencing of a chunk's rows. */
function addUp(chunk: Uint8Array, rowBytes: number, layout: Layout): void {
  const { bits, together, little } = layout;
  const step = together * (bits >> 3);
  for (let row = 0; row + rowBytes <= chunk.length; row += rowBytes) {
    if (bits === 8) {
      for (let i = row + step; i < row + rowBytes; i++) chunk[i] += chunk[i - step];
    } else {
      const [high, low] = little ? [1, 0] : [0, 1];
      for (let i = row + step; i < row + rowBytes; i += 2) {
        const before = (chunk[i - step + high] << 8) | chunk[i - step + low];
        const sum = ((chunk[i + high] << 8) | chunk[i + low]) + before;
        chunk[i + high] = sum >> 8;
        chunk[i + low] = sum & 255;
      }
    }
  }
}

/** Copies samples of a chunk, cut to 8 bits, into `out` (height × width × samples). */
function place(chunk: Uint8Array, rowBytes: number, layout: Layout, x0: number, y0: number, out: Target): void {
  const { width, height, bits, together, little } = layout;
  const columns = Math.min(Math.floor((rowBytes * 8) / (bits * together)), width - x0);
  const rows = Math.min(Math.floor(chunk.length / rowBytes), height - y0);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      for (let s = 0; s < together; s++) {
        const index = x * together + s;
        const at = y * rowBytes;
        let value: number;
        if (bits === 16) value = to8Bits(chunk[at + index * 2], chunk[at + index * 2 + 1], little);
        else if (bits === 8) value = chunk[at + index];
        else value = (chunk[at + ((index * bits) >> 3)] >> (8 - bits - ((index * bits) & 7))) & ((1 << bits) - 1);
        out.data[((y0 + y) * width + x0 + x) * out.samples + out.first + s] = value;
      }
    }
  }
}

/** Libtiff divides by 257 and rounds. */
function to8Bits(first: number, second: number, little: boolean): number {
  const value = little ? first | (second << 8) : (first << 8) | second;
  return Math.floor((value + 128) / 257);
}

interface Target {
  readonly data: Uint8Array;
  readonly samples: number;
  /** First sample that the chunk holds. */
  readonly first: number;
}

/** @throws ImageError for damaged files and for kinds of TIFF that are not decoded. */
export function decodeTiff(bytes: Uint8Array, what: string, maxPixels: number): RgbImage {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = bytes[0] === 0x49;
  const tags = readTags(bytes, view, little, what);
  const tag = (id: number, fallback: number) => tags.get(id)?.[0] ?? fallback;
  const width = tag(TAG.width, 0);
  const height = tag(TAG.height, 0);
  checkPictureSize(what, width, height, maxPixels);
  const samples = tag(TAG.samples, 1);
  const bits = tag(TAG.bits, 1);
  const compression = tag(TAG.compression, 1);
  const photometric = tag(TAG.photometric, samples >= 3 ? RGB : BLACK_IS_ZERO);
  const planar = tag(TAG.planar, 1) === 2 && samples > 1;
  const unpack = COMPRESSIONS[compression];
  if (!unpack) {
    const name = OTHER_COMPRESSIONS[compression] ?? `compression ${compression}`;
    refuse(what, `is a TIFF with ${name}, which is not decoded; convert it to JPEG or PNG`);
  }
  const wanted = photometric === RGB ? 3 : 1;
  const known = [1, 2, 4, 8, 16].includes(bits) && photometric <= PALETTE && samples >= wanted && samples <= 8;
  if (!known || tag(TAG.sampleFormat, 1) !== 1 || (tags.get(TAG.bits) ?? []).some((b) => b !== bits)) {
    refuse(
      what,
      `is a TIFF of an unusual kind (${samples} samples of ${bits} bits, photometric ${photometric}); convert it`,
    );
  }

  const tiled = tags.has(TAG.tileOffsets);
  const chunkWidth = tiled ? tag(TAG.tileWidth, 0) : width;
  const chunkHeight = tiled ? tag(TAG.tileHeight, 0) : Math.min(tag(TAG.rowsPerStrip, height), height);
  checkPictureSize(what, chunkWidth, chunkHeight, maxPixels);
  const offsets = tags.get(tiled ? TAG.tileOffsets : TAG.stripOffsets) ?? [];
  const lengths = tags.get(tiled ? TAG.tileBytes : TAG.stripBytes) ?? [];
  const together = planar ? 1 : samples;
  const differences = tag(TAG.predictor, 1) === 2 && bits >= 8;
  const layout: Layout = { width, height, bits, together, little, differences };
  const rowBytes = Math.ceil((chunkWidth * together * bits) / 8);
  const across = Math.ceil(width / chunkWidth);
  const perPlane = across * Math.ceil(height / chunkHeight);
  const data = new Uint8Array(width * height * samples);
  for (let i = 0; i < perPlane * (planar ? samples : 1); i++) {
    const [offset, length] = [offsets[i], lengths[i]];
    if (offset === undefined || length === undefined || offset + length > bytes.length) {
      refuse(what, "damaged TIFF: its pixels lie outside the file (truncated?)");
    }
    const position = i % perPlane;
    const y0 = Math.floor(position / across) * chunkHeight;
    const rows = tiled ? chunkHeight : Math.min(chunkHeight, height - y0);
    const chunk = new Uint8Array(rowBytes * rows);
    try {
      unpack(bytes.subarray(offset, offset + length), chunk);
    } catch (cause) {
      throw new ImageError(`${what}: damaged TIFF: its pixels do not unpack`, {}, { cause });
    }
    if (differences) addUp(chunk, rowBytes, layout);
    const first = planar ? Math.floor(i / perPlane) : 0;
    place(chunk, rowBytes, layout, (position % across) * chunkWidth, y0, { data, samples, first });
  }
  const unassociated = photometric === RGB && samples === 4 && bits === 8 && tag(TAG.extraSamples, 0) === 2;
  if (unassociated) multiplyByAlpha(data);
  const palette = tags.get(TAG.palette) ?? [];
  return applyOrientation(
    { width, height, data: toRgb(data, samples, bits, photometric, palette) },
    tag(TAG.orientation, 1),
  );
}

function multiplyByAlpha(rgba: Uint8Array): void {
  for (let i = 0; i < rgba.length; i += 4) {
    const alpha = rgba[i + 3];
    for (let c = 0; c < 3; c++) rgba[i + c] = Math.floor((rgba[i + c] * alpha + 127) / 255);
  }
}

function toRgb(source: Uint8Array, samples: number, bits: number, photometric: number, palette: number[]): Uint8Array {
  const pixels = source.length / samples;
  const out = new Uint8Array(pixels * 3);
  const entries = palette.length / 3;
  const stretch = bits < 8 ? 255 / ((1 << bits) - 1) : 1;
  for (let i = 0; i < pixels; i++) {
    const at = i * samples;
    if (photometric === RGB) {
      for (let c = 0; c < 3; c++) out[i * 3 + c] = source[at + c];
    } else if (photometric === PALETTE) {
      for (let c = 0; c < 3; c++) out[i * 3 + c] = (palette[c * entries + source[at]] ?? 0) >> 8;
    } else {
      const level = source[at] * stretch;
      out.fill(photometric === WHITE_IS_ZERO ? 255 - level : level, i * 3, i * 3 + 3);
    }
  }
  return out;
}
