/** Identifies a file from its first bytes: the supported picture formats, and names for everything else. */

/** Formats with a decoder here. */
export type PictureFormat = "jpeg" | "png" | "webp" | "avif" | "bmp" | "gif" | "tiff" | "pnm";

/** Either a supported picture format, or a description of the bytes with advice. */
export type Sniffed =
  | { readonly kind: "picture"; readonly format: PictureFormat }
  | { readonly kind: "other"; readonly what: string };

const CONVERT = "convert it to JPEG or PNG";

/** Box brands of ISO base media files (ISO/IEC 14496-12) that are still pictures. */
const BRANDS: Readonly<Record<string, string>> = {
  avis: "an AVIF animation",
  heic: "a HEIC picture, which needs a licensed codec",
  heix: "a HEIC picture, which needs a licensed codec",
  hevc: "a HEIC picture, which needs a licensed codec",
  heim: "a HEIC picture, which needs a licensed codec",
  heis: "a HEIC picture, which needs a licensed codec",
  mif1: "a HEIF picture, which needs a licensed codec",
  msf1: "a HEIF picture, which needs a licensed codec",
};

/** Other magics: at offset 0 unless stated. */
const OTHERS: readonly { readonly magic: string; readonly at?: number; readonly what: string }[] = [
  { magic: "\0\0\0\x0cJXL \r\n", what: `a JPEG XL picture, which is not supported; ${CONVERT}` },
  { magic: "\xff\x0a", what: `a JPEG XL picture, which is not supported; ${CONVERT}` },
  { magic: "\0\0\0\x0cjP  \r\n", what: `a JPEG 2000 picture, which is not supported; ${CONVERT}` },
  { magic: "\xffO\xffQ", what: `a JPEG 2000 codestream, which is not supported; ${CONVERT}` },
  { magic: "II+\0", what: `a BigTIFF, which is not supported; save it as plain TIFF, JPEG or PNG` },
  { magic: "MM\0+", what: `a BigTIFF, which is not supported; save it as plain TIFF, JPEG or PNG` },
  { magic: "8BPS", what: `a Photoshop file; export it as JPEG or PNG` },
  { magic: "DDS ", what: `a DirectDraw texture; ${CONVERT}` },
  { magic: "v/1\x01", what: `an OpenEXR picture; ${CONVERT}` },
  { magic: "#?RADIANCE", what: `a Radiance HDR picture; ${CONVERT}` },
  { magic: "\0\0\x01\0", what: `a Windows icon; ${CONVERT}` },
  { magic: "FUJIFILMCCD-RAW", what: "a camera raw file; develop it to JPEG first" },
  { magic: "%PDF-", what: "a PDF document; render its pages to PNG" },
  { magic: "PK\x03\x04", what: "a zip archive; unpack it and give the pictures" },
  { magic: "\x1f\x8b", what: "a gzip archive; unpack it and give the pictures" },
  { magic: "Rar!", what: "a RAR archive; unpack it and give the pictures" },
  { magic: "7z\xbc\xaf", what: "a 7-Zip archive; unpack it and give the pictures" },
  { magic: "\x1aE\xdf\xa3", what: "a Matroska/WebM video, not a picture" },
  { magic: "OggS", what: "an Ogg stream, not a picture" },
  { magic: "ID3", what: "an MP3 file, not a picture" },
  { magic: "\x7fELF", what: "a program, not a picture" },
  { magic: "MZ", what: "a Windows program, not a picture" },
  { magic: "\x93NUMPY", what: "a NumPy array; save it as PNG" },
  { magic: "version https://git-lfs", what: "a git-lfs pointer, not the picture; run `git lfs pull`" },
];

function startsWith(bytes: Uint8Array, magic: string, at = 0): boolean {
  if (bytes.length < at + magic.length) return false;
  for (let i = 0; i < magic.length; i++) if (bytes[at + i] !== magic.charCodeAt(i)) return false;
  return true;
}

/** A four-letter code of the file, made printable. */
function code(bytes: Uint8Array, from: number): string {
  return String.fromCharCode(...bytes.subarray(from, from + 4)).replace(/[^\w .+-]/g, "?");
}

/** Whether the `ftyp` box at the start lists a compatible brand. */
function hasBrand(bytes: Uint8Array, brand: string): boolean {
  const end = Math.min(bytes.length, (bytes[2] << 8) | bytes[3], 256);
  for (let at = 16; at + 4 <= end; at += 4) if (startsWith(bytes, brand, at)) return true;
  return false;
}

/** Text has no control bytes but white space, and no invalid UTF-8. */
function looksLikeText(bytes: Uint8Array): boolean {
  const head = bytes.subarray(0, 512);
  for (const b of head) if (b < 9 || (b > 13 && b < 32 && b !== 27) || b === 127) return false;
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(head, { stream: true });
    return true;
  } catch {
    return false;
  }
}

/**
 * Identifies `bytes`. Nothing is decoded, and only the first few bytes count: a wrong file extension does not matter.
 */
export function sniff(bytes: Uint8Array): Sniffed {
  if (bytes.length === 0) return { kind: "other", what: "an empty file; give a JPEG or PNG picture" };
  if (startsWith(bytes, "\xff\xd8\xff")) return { kind: "picture", format: "jpeg" };
  if (startsWith(bytes, "\x89PNG\r\n\x1a\n")) return { kind: "picture", format: "png" };
  if (startsWith(bytes, "RIFF") && startsWith(bytes, "WEBP", 8)) return { kind: "picture", format: "webp" };
  if (startsWith(bytes, "GIF87a") || startsWith(bytes, "GIF89a")) return { kind: "picture", format: "gif" };
  if (startsWith(bytes, "II*\0") || startsWith(bytes, "MM\0*")) return { kind: "picture", format: "tiff" };
  if (startsWith(bytes, "BM") && bytes.length >= 18 && bytes[15] === 0 && bytes[16] === 0 && bytes[17] === 0) {
    return { kind: "picture", format: "bmp" };
  }
  if (bytes[0] === 0x50 && bytes[1] >= 0x31 && bytes[1] <= 0x36 && bytes[2] <= 32) {
    return { kind: "picture", format: "pnm" };
  }
  if (startsWith(bytes, "ftyp", 4)) {
    const brand = code(bytes, 8);
    if (brand === "avif" || (brand === "mif1" && hasBrand(bytes, "avif"))) return { kind: "picture", format: "avif" };
    const known = BRANDS[brand];
    if (known) return { kind: "other", what: `${known}; ${CONVERT}` };
    return { kind: "other", what: `an MP4/QuickTime file (brand "${brand.trim()}"), not a picture` };
  }
  if (startsWith(bytes, "RIFF")) return { kind: "other", what: `a RIFF file (${code(bytes, 8)}), not a picture` };
  for (const { magic, at, what } of OTHERS) if (startsWith(bytes, magic, at)) return { kind: "other", what };
  if (startsWith(bytes, "\x89PNG") || (bytes[1] === 0x50 && bytes[2] === 0x4e && bytes[3] === 0x47)) {
    return { kind: "other", what: "a damaged PNG (its signature is wrong); copy the file again in binary mode" };
  }
  if (looksLikeText(bytes)) {
    const head = new TextDecoder().decode(bytes.subarray(0, 512)).trimStart().toLowerCase();
    if (head.startsWith("<!doctype html") || head.startsWith("<html")) {
      return { kind: "other", what: "a web page (HTML), not a picture; download the picture itself" };
    }
    if (head.startsWith("<svg") || (head.startsWith("<?xml") && head.includes("<svg"))) {
      return { kind: "other", what: "an SVG drawing; render it to PNG" };
    }
    return { kind: "other", what: "a text file, not a picture; give a JPEG or PNG picture" };
  }
  return { kind: "other", what: "in no known picture format; give a JPEG or PNG picture" };
}
