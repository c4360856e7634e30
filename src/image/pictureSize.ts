/** The size of a picture file from its header if possible, without decoding its pixels. */

import { ImageError } from "../errors.js";
import { decodeImage } from "./decode.js";
import { exifOrientation } from "./exif.js";
import { readJpegHeader } from "./jpeg/header.js";
import type { BudgetOptions } from "./limits.js";
import { readPngChunks } from "./png/chunks.js";
import { sniff } from "./sniff.js";

export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/**
 * Width and height of the upright picture (EXIF orientations 5 to 8 swap the stored ones).
 * @param what begins messages, e.g. the file's name.
 * @param options `decode`: decodes pictures whose headers do not have the size. Default `decodeImage`.
 * @throws ImageError like `decodeImage`.
 */
export async function readPictureSize(
  bytes: Uint8Array,
  what: string,
  { decode = decodeImage, ...options }: BudgetOptions & { readonly decode?: typeof decodeImage } = {},
): Promise<PictureSize> {
  const size = sizeInHeader(bytes, what);
  if (size) return size;
  const { width, height } = await decode(bytes, { ...options, path: what });
  return { width, height };
}

/**
 * The size of the upright picture, if the header of its format has it: JPEG and PNG.
 * @throws ImageError for a damaged header.
 */
export function sizeInHeader(bytes: Uint8Array, what: string): PictureSize | undefined {
  const found = sniff(bytes);
  if (found.kind !== "picture") return undefined;
  if (found.format === "jpeg") {
    const header = readJpegHeader(bytes);
    if (!header) throw new ImageError(`${what}: damaged JPEG: it has no frame header (truncated?)`, {});
    return upright(header, header.orientation);
  }
  if (found.format !== "png") return undefined;
  const { header, exif } = readPngChunks(bytes, what);
  return upright(header, exif && exifOrientation(exif));
}

function upright({ width, height }: PictureSize, orientation: number | undefined): PictureSize {
  return orientation !== undefined && orientation >= 5 ? { width: height, height: width } : { width, height };
}
