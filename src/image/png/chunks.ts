/**
 * The chunks of a PNG, checked as libpng checks them: a bad checksum refuses the file when the chunk is critical and
 * drops the chunk when it is not; a file that ends before IEND is refused.
 * Source: PNG (third edition), sections 5 and 11; behaviour of libpng 1.6 behind `cv2.imread`.
 */

import { ImageError } from "../../errors.js";
import { crc32 } from "./crc32.js";

export interface PngHeader {
  readonly width: number;
  readonly height: number;
  /** Bits a sample: 1, 2, 4, 8 or 16. */
  readonly depth: number;
  /** 0 grey, 2 RGB, 3 palette, 4 grey + alpha, 6 RGB + alpha. */
  readonly colorType: number;
  readonly interlaced: boolean;
}

export interface PngChunks {
  readonly header: PngHeader;
  /** RGB triples; empty if there is no palette. */
  readonly palette: Uint8Array;
  /** The zlib stream, joined. */
  readonly compressed: Uint8Array;
  /** The eXIf chunk's TIFF block. */
  readonly exif: Uint8Array | undefined;
}

const DEPTHS: Readonly<Record<number, readonly number[]>> = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
};

function refuse(what: string, why: string): never {
  throw new ImageError(`${what}: damaged PNG: ${why}`, { reason: why });
}

function readHeader(what: string, view: DataView, at: number, length: number): PngHeader {
  if (length !== 13) refuse(what, `its header has ${length} bytes instead of 13`);
  const depth = view.getUint8(at + 8);
  const colorType = view.getUint8(at + 9);
  if (!DEPTHS[colorType]?.includes(depth)) refuse(what, `invalid pixels: colour type ${colorType} with ${depth} bits`);
  if (view.getUint8(at + 10) !== 0) refuse(what, `unknown compression ${view.getUint8(at + 10)}`);
  if (view.getUint8(at + 11) !== 0) refuse(what, `unknown filter method ${view.getUint8(at + 11)}`);
  if (view.getUint8(at + 12) > 1) refuse(what, `unknown interlacing ${view.getUint8(at + 12)}`);
  return {
    width: view.getUint32(at),
    height: view.getUint32(at + 4),
    depth,
    colorType,
    interlaced: view.getUint8(at + 12) === 1,
  };
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0];
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/**
 * Walks the chunks up to IEND.
 * @throws ImageError with the damage; `what` begins the message.
 */
export function readPngChunks(bytes: Uint8Array, what: string): PngChunks {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let header: PngHeader | undefined;
  let palette = new Uint8Array(0);
  let exif: Uint8Array | undefined;
  const data: Uint8Array[] = [];
  let dataEnded = false;
  for (let at = 8; ; ) {
    if (at + 12 > bytes.length) refuse(what, "the file ends before its IEND chunk (truncated?)");
    const length = view.getUint32(at);
    const type = String.fromCharCode(bytes[at + 4], bytes[at + 5], bytes[at + 6], bytes[at + 7]);
    if (!/^[A-Za-z]{4}$/.test(type)) refuse(what, `no chunk begins at byte ${at}`);
    const start = at + 8;
    const end = start + length;
    if (length > 0x7fffffff || end + 4 > bytes.length)
      refuse(what, `its ${type} chunk ends beyond the file (truncated?)`);
    const sound = crc32(bytes, at + 4, end) === view.getUint32(end);
    const critical = (bytes[at + 4] & 0x20) === 0;
    if (!sound && critical) refuse(what, `the checksum of its ${type} chunk is wrong`);
    if (!header && type !== "IHDR") refuse(what, `it begins with ${type} instead of IHDR`);
    if (type === "IDAT" && !dataEnded) data.push(bytes.subarray(start, end));
    else if (data.length > 0) dataEnded = true;

    if (type === "IHDR") {
      if (header) refuse(what, "it has two headers");
      header = readHeader(what, view, start, length);
    } else if (type === "PLTE") {
      // As in libpng: a second palette is an error; one in a grey picture or after the pixels is ignored.
      if (palette.length > 0) refuse(what, "it has two palettes");
      const usable = length % 3 === 0 && length <= 768 && length > 0;
      if (!usable && header?.colorType === 3) refuse(what, `its palette has ${length} bytes`);
      if (usable && data.length === 0 && ((header?.colorType ?? 0) & 2) !== 0) palette = bytes.slice(start, end);
    } else if (type === "IEND") {
      break;
    } else if (type === "eXIf") {
      if (sound) exif ??= bytes.subarray(start, end);
    } else if (critical && type !== "IDAT") {
      refuse(what, `it needs an unknown chunk, ${type}`);
    }
    at = end + 4;
  }
  if (!header) refuse(what, "it has no header");
  if (data.length === 0) refuse(what, "it has no IDAT chunk, so no pixels");
  if (header.colorType === 3 && palette.length === 0) refuse(what, "it has no palette");
  return { header, palette, compressed: join(data), exif };
}
