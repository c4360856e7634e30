/** Tells whether a file is a video: by its extension or, if that is missing or ambiguous, by its contents. */

import { stat } from "node:fs/promises";
import { extname } from "node:path";
import { sniff } from "../../image/index.js";
import { headOf } from "../files/regularFile.js";
import { hasVideoEnding, isAnimatedGif } from "./input.js";
import { probeVideo } from "./probe.js";

/** At offset 0 unless stated. Ogg, Matroska and MP4 may contain only sound; the reader reports that. */
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
/** `ftyp` brands of pictures and sound. */
const NO_VIDEO = /^(avi[fs]|hei.|hev.|mif1|msf1|M4[AB] )/;
const HEAD_BYTES = 4096;
/** Still pictures are smaller than this. */
const MAX_GIF = 2 ** 28;

/**
 * @param named whether the user named this very file. If so, a file in an unknown format is passed to ffmpeg too,
 * whatever its extension. In folders, files with other extensions are skipped.
 */
export async function isVideo(path: string, named = false): Promise<boolean> {
  const ending = extname(path).slice(1).toLowerCase();
  if (hasVideoEnding(path) && ending !== "gif" && !/^(m?ts|m2ts)$/.test(ending)) return true;
  if (!hasVideoEnding(path) && ending !== "" && !named) return false;
  // Opening a pipe or device would block.
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

/** Whether bytes begin like a video container. */
export function hasVideoMagic(head: Uint8Array): boolean {
  const at = (from: number, length: number): string => String.fromCharCode(...head.subarray(from, from + length));
  if (at(4, 4) === "ftyp") return !NO_VIDEO.test(at(8, 4));
  if (head.length > 188 && isTransportStream(head)) return true;
  return MAGICS.some(([magic, from = 0]) => at(from, magic.length) === magic);
}

/**
 * Packets of 188 bytes that begin with 0x47, preceded by 4 more bytes on discs. A TypeScript file may begin with it
 * too: the letter G.
 */
function isTransportStream(head: Uint8Array): boolean {
  const packets = (first: number, size: number): boolean =>
    head[first] === 0x47 && (head.length <= first + size || head[first + size] === 0x47);
  return packets(0, 188) || (head.length > 4 && packets(4, 192));
}
