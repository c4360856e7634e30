/** JPEG strips and tiles of a TIFF: streams without tables, which lie in a tag. Source: TIFF technical note 2. */

import { ImageError } from "../../errors.js";
import type { ColorModel } from "../jpeg/color.js";
import { JpegDamage } from "../jpeg/frame.js";
import { readJpegHeader, samplesOf, scansOf } from "../jpeg/header.js";
import { decodePlain } from "../jpeg/plainDecoder.js";
import type { DecodeBudget } from "../limits.js";
import { PHOTOMETRIC } from "./tiffColor.js";
import type { ChunkRows } from "./tiffSamples.js";

/** The components according to the TIFF, which overrides the stream; inks are stored unchanged. */
const MODELS: Readonly<Record<number, ColorModel>> = {
  [PHOTOMETRIC.whiteIsZero]: "grey",
  [PHOTOMETRIC.blackIsZero]: "grey",
  [PHOTOMETRIC.rgb]: "rgb",
  [PHOTOMETRIC.cmyk]: "inks",
  [PHOTOMETRIC.ycbcr]: "ycc",
};

/** Samples that another format would have unpacked in the time of one. */
export const SLOWNESS = 4;

/** The tables followed by the stream, without the markers between them. */
function withTables(stream: Uint8Array, tables: Uint8Array): Uint8Array {
  if (tables.length < 4) return stream;
  const joined = new Uint8Array(tables.length - 2 + stream.length - 2);
  joined.set(tables.subarray(0, -2));
  joined.set(stream.subarray(2), tables.length - 2);
  return joined;
}

/** The part of a chunk within the picture, and the chunk's own size. */
export interface ChunkPlace {
  readonly rows: number;
  readonly columns: number;
  readonly room: { readonly width: number; readonly height: number };
}

/** @throws ImageError for streams that do not decode, and for pictures smaller than their place or larger than a chunk. */
export function unpackJpegChunk(
  stream: Uint8Array,
  tables: Uint8Array,
  photometric: number,
  { rows, columns, room }: ChunkPlace,
  budget: DecodeBudget,
): ChunkRows {
  const { what } = budget;
  const model = MODELS[photometric];
  if (!model)
    throw new ImageError(`${what}: is a TIFF of an unusual kind (JPEG, photometric ${photometric}); convert it`);
  const joined = withTables(stream, tables);
  const header = readJpegHeader(joined);
  const fits = header && header.width >= columns && header.height >= rows;
  if (!fits || header.width > room.width || header.height > room.height) {
    const size = header ? `${header.width}×${header.height}` : "without a size";
    throw new ImageError(`${what}: damaged TIFF: a JPEG in it is ${size} instead of ${columns}×${rows}`, {});
  }
  // The first pass is asked for with the TIFF's other strips.
  const { scans, passes } = scansOf(joined, header);
  budget.work(Math.max(0, passes - 1) * samplesOf(header) * SLOWNESS, `a TIFF of JPEGs of ${scans} scans`);
  try {
    const { width, data } = decodePlain(joined, budget, model);
    if (photometric === PHOTOMETRIC.whiteIsZero) for (let i = 0; i < data.length; i++) data[i] = 255 - data[i];
    return { rows, rgb: true, row: (y) => data.subarray(y * width * 3, (y * width + columns) * 3) };
  } catch (cause) {
    if (!(cause instanceof JpegDamage)) throw cause;
    throw new ImageError(`${what}: damaged TIFF: the JPEG in it: ${cause.message}`, {}, { cause });
  }
}
