/** Whether a file is a video: by its ending, and where that is missing or has other meanings by what is in it. */

import { stat } from "node:fs/promises";
import { extname } from "node:path";
import { sniff } from "../../image/index.js";
import { hasVideoEnding, isAnimatedGif } from "./input.js";
import { headOf } from "./notVideo.js";
import { probeVideo } from "./probe.js";

/** At offset 0 unless stated. Ogg, Matroska and MP4 may hold sound alone; then whoever reads them says so. */
const MAGICS: readonly (readonly [magic: string, at?: number])[] = [
  ["\x1aE\xdf\xa3"],
  ["FLV\x01"],
  ["OggS"],
  ["AVI ", 8],
  ["0&\xb2u\x8ef\xcf\x11"],
  ["\0\0\x01\xba"],
  ["\0\0\x01\xb3"],
  [".RMF"],
  ["DKIF"],
  ["YUV4MPEG2"],
  ["moov", 4],
  ["mdat", 4],
];
/** Brands of `ftyp` that are pictures or sound. */
const NO_VIDEO = /^(avi[fs]|hei.|hev.|mif1|msf1|M4[AB] )/;
const HEAD_BYTES = 4096;
/** Still pictures are smaller. */
const MAX_GIF = 2 ** 28;

/**
 * @param named whether the user named this very file; then one in an unknown format is shown to ffmpeg as well, whatever its
 *   ending. In folders files with endings of other kinds are passed over.
 */
export async function isVideo(path: string, named = false): Promise<boolean> {
  const ending = extname(path).slice(1).toLowerCase();
  if (hasVideoEnding(path) && ending !== "gif" && !/^(m?ts|m2ts)$/.test(ending)) return true;
  if (!hasVideoEnding(path) && ending !== "" && !named) return false;
  // Pipes and devices would keep whoever opens them waiting.
  if (!(await stat(path)).isFile()) return false;
  if (ending === "gif") return isAnimatedGif(await headOf(path, MAX_GIF));
  const head = await headOf(path, HEAD_BYTES);
  const found = sniff(head);
  const isText = found.kind === "other" && found.what.startsWith("a text file");
  if (/^(m?ts|m2ts)$/.test(ending)) return !isText && isTransportStream(head);
  if (hasVideoMagic(head)) return !isText;
  if (!named || head.length === 0 || found.kind === "picture" || !found.what.startsWith("in no")) return false;
  return probeVideo(path).then(
    () => true,
    () => false,
  );
}

/** Whether bytes begin as the containers of videos do. */
export function hasVideoMagic(head: Uint8Array): boolean {
  const at = (from: number, length: number): string => String.fromCharCode(...head.subarray(from, from + length));
  if (at(4, 4) === "ftyp") return !NO_VIDEO.test(at(8, 4));
  if (head.length > 188 && isTransportStream(head)) return true;
  return MAGICS.some(([magic, from = 0]) => at(from, magic.length) === magic);
}

/** Packets of 188 bytes that begin with 0x47, on discs after 4 bytes more. TypeScript files may begin with it too: a G. */
function isTransportStream(head: Uint8Array): boolean {
  const packets = (first: number, size: number): boolean =>
    head[first] === 0x47 && (head.length <= first + size || head[first + size] === 0x47);
  return packets(0, 188) || (head.length > 4 && packets(4, 192));
}
