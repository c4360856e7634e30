/** Text files from users: lists, labels, YAML, JSON. Windows PowerShell writes UTF-16, most others UTF-8. */

import { RENAME, readRegularFile } from "./regularFile.js";

/** @throws the system's error, or what `readRegularFile` throws. */
export async function readTextFile(path: string): Promise<string> {
  return decodeText(await readRegularFile(path));
}

/** Decodes UTF-8, or UTF-16 of either byte order; drops a byte order mark. */
export function decodeText(bytes: Uint8Array): string {
  return new TextDecoder(encodingOf(bytes)).decode(bytes);
}

/** The same text as UTF-8 without a byte order mark; does not copy what is UTF-8 already. */
export function asUtf8(bytes: Uint8Array): Uint8Array {
  if (encodingOf(bytes) !== "utf-8") return new TextEncoder().encode(decodeText(bytes));
  const marked = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  return marked ? bytes.subarray(3) : bytes;
}

/** Explains a list entry that names no file; undefined if its encoding is not the reason. */
export function encodingProblem(list: string, line: number, entry: string): string | undefined {
  // The decoder inserts it for bytes that are not valid UTF-8.
  if (!entry.includes("\ufffd")) return undefined;
  return `${list}:${line}: ${entry}: the line is not UTF-8; save the list as UTF-8, and rename files whose names are not UTF-8 with: ${RENAME}`;
}

/** Number of bytes examined if there is no byte order mark. */
const LOOKED_AT = 4096;

/** UTF-8 text has no zero bytes; in UTF-16 line breaks and all ASCII characters have one. */
function encodingOf(bytes: Uint8Array): "utf-8" | "utf-16le" | "utf-16be" {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "utf-16le";
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return "utf-16be";
  const zeros = [0, 0];
  for (let i = 0; i < Math.min(bytes.length, LOOKED_AT); i++) if (bytes[i] === 0) zeros[i % 2]++;
  if (zeros[0] === zeros[1]) return "utf-8";
  return zeros[1] > zeros[0] ? "utf-16le" : "utf-16be";
}
