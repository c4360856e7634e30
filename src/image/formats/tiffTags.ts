/** The used tags of a TIFF's first directory. Source: TIFF 6.0, section 2. */

import { ImageError } from "../../errors.js";

export const TAG = {
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  photometric: 262,
  fillOrder: 266,
  stripOffsets: 273,
  orientation: 274,
  samples: 277,
  rowsPerStrip: 278,
  stripBytes: 279,
  planar: 284,
  group3Options: 292,
  predictor: 317,
  whitePoint: 318,
  palette: 320,
  tileWidth: 322,
  tileHeight: 323,
  tileOffsets: 324,
  tileBytes: 325,
  inkSet: 332,
  extraSamples: 338,
  sampleFormat: 339,
  jpegTables: 347,
  lumaCoefficients: 529,
  subsampling: 530,
  referenceBlackWhite: 532,
} as const;

const USED: ReadonlySet<number> = new Set(Object.values(TAG));

/** Tags that may be fractions. */
const FRACTIONS: ReadonlySet<number> = new Set([TAG.whitePoint, TAG.lumaCoefficients, TAG.referenceBlackWhite]);
const RATIONAL = 5;

/** Bytes of a value of each field type: byte, short, long, rational, undefined. */
const TYPE_BYTES: Readonly<Record<number, number>> = { 1: 1, 3: 2, 4: 4, 5: 8, 7: 1 };

export class TiffTags {
  private readonly values: ReadonlyMap<number, readonly number[]>;

  constructor(values: ReadonlyMap<number, readonly number[]>) {
    this.values = values;
  }

  has(id: number): boolean {
    return this.values.has(id);
  }

  all(id: number): readonly number[] {
    return this.values.get(id) ?? [];
  }

  first(id: number, fallback: number): number {
    return this.values.get(id)?.[0] ?? fallback;
  }
}

/**
 * Reads the tags in `TAG` and skips all others. Since entries may all point to one block, the total number of values
 * read is limited to the file's number of bytes.
 * @throws ImageError if the directory lies outside the file.
 */
export function readTags(bytes: Uint8Array, what: string): TiffTags {
  const damaged = (): never => {
    throw new ImageError(`${what}: damaged TIFF: its directory lies outside the file (truncated?)`, {});
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = bytes[0] === 0x49;
  if (bytes.length < 8) damaged();
  const directory = view.getUint32(4, little);
  if (directory + 2 > bytes.length) damaged();
  const values = new Map<number, readonly number[]>();
  let left = bytes.length;
  const entries = view.getUint16(directory, little);
  for (let i = 0; i < entries; i++) {
    const at = directory + 2 + i * 12;
    if (at + 12 > bytes.length) damaged();
    const tag = view.getUint16(at, little);
    const type = view.getUint16(at + 2, little);
    const size = TYPE_BYTES[type];
    // For a repeated tag the first one counts, and sizes are whole numbers, as in libtiff.
    if (size === undefined || !USED.has(tag) || values.has(tag)) continue;
    if (type === RATIONAL && !FRACTIONS.has(tag)) continue;
    const count = view.getUint32(at + 4, little);
    const from = size * count <= 4 ? at + 8 : view.getUint32(at + 8, little);
    left -= size * count;
    if (from + size * count > bytes.length || left < 0) damaged();
    values.set(
      tag,
      Array.from({ length: count }, (_, k) => readValue(view, from + k * size, type, little)),
    );
  }
  return new TiffTags(values);
}

function readValue(view: DataView, at: number, type: number, little: boolean): number {
  if (type === 3) return view.getUint16(at, little);
  if (type === 4) return view.getUint32(at, little);
  if (type === RATIONAL) return view.getUint32(at, little) / view.getUint32(at + 4, little);
  return view.getUint8(at);
}
