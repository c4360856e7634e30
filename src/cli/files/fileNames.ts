/** File names built from untrusted text: classes, addresses, sources. Truncated by bytes, as file systems count. */

import { basename, extname } from "node:path";

/** The longest file name that common file systems allow, in bytes. */
export const NAME_BYTES = 255;
/** Anything longer is part of the name, not an extension. */
const ENDING_BYTES = 16;
/** Names that Windows reserves for devices, with any extension. */
const DEVICES = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/** The longest prefix of `text` with at most `bytes` bytes of UTF-8; never splits a character. */
export function cutToBytes(text: string, most: number): string {
  let [size, end] = [0, 0];
  // A character has at least as many bytes as code units, so nothing beyond this index can fit.
  for (const character of text.slice(0, most)) {
    size += Buffer.byteLength(character);
    if (size > most) break;
    end += character.length;
  }
  return text.slice(0, end);
}

/** Removes separators, parent references and whatever a file system forbids or hides, and limits the length. */
export function safeName(name: string, fallback: string): string {
  // No regular expression that ends in a repetition: those take quadratic time on long runs of blanks.
  let start = 0;
  while (start < name.length && isMargin(name[start])) start++;
  const safe = name
    .slice(start, start + NAME_BYTES)
    .replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069/\\:*?"<>|]/gu, "_")
    .replace(DEVICES, "_$&");
  const cut = cutToBytes(safe, NAME_BYTES);
  let end = cut.length;
  while (end > 0 && isMargin(cut[end - 1])) end--;
  return end === 0 ? fallback : cut.slice(0, end);
}

const isMargin = (character: string): boolean => character === "." || /\s/.test(character);

/** The last part of a path or of a URL's path, fit for a file name. */
export function fileNameOf(source: string): string {
  if (!/^https?:\/\//i.test(source)) return basename(source);
  const last = basename(new URL(source).pathname);
  let name = last;
  try {
    name = decodeURIComponent(last);
  } catch {
    // A lone % is not an escape; the name stays as it is.
  }
  const { stem, ending } = splitName(name);
  return safeName(cutToBytes(stem, NAME_BYTES - ENDING_BYTES) + ending, "picture");
}

/** `clip.tar.mp4` → `clip.tar` and `.mp4`. */
export function splitName(name: string): { readonly stem: string; readonly ending: string } {
  const own = extname(name);
  const ending = Buffer.byteLength(own) > ENDING_BYTES ? "" : own;
  return { stem: name.slice(0, name.length - ending.length), ending };
}
