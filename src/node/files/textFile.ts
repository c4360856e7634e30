/** Text files that users give: lists, labels, YAML, JSON. Windows PowerShell writes UTF-16 where others write UTF-8. */

import { RENAME, readRegularFile } from "./regularFile.js";

/** @throws the system's error, or as `readRegularFile` does. */
export async function readTextFile(path: string): Promise<string> {
  return decodeText(await readRegularFile(path));
}

/** UTF-8 or UTF-16 of either order; a byte order mark is dropped. */
export function decodeText(bytes: Uint8Array): string {
  return new TextDecoder(encodingOf(bytes)).decode(bytes);
}

/** What to say of a line of a list that names no file; undefined where its encoding is not why. */
export function encodingProblem(list: string, line: number, entry: string): string | undefined {
  // Decoding puts it where bytes are none of UTF-8.
  if (!entry.includes("\ufffd")) return undefined;
  return `${list}:${line}: ${entry}: the line is not UTF-8; save the list as UTF-8; names of files that are not, are renamed with: ${RENAME}`;
}

/** Bytes that are looked at where there is no mark. */
const LOOKED_AT = 4096;

/** UTF-8 holds no zero bytes; in UTF-16 line ends and all that is ASCII have one. */
function encodingOf(bytes: Uint8Array): "utf-8" | "utf-16le" | "utf-16be" {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "utf-16le";
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return "utf-16be";
  const zeros = [0, 0];
  for (let i = 0; i < Math.min(bytes.length, LOOKED_AT); i++) if (bytes[i] === 0) zeros[i % 2]++;
  if (zeros[0] === zeros[1]) return "utf-8";
  return zeros[1] > zeros[0] ? "utf-16le" : "utf-16be";
}
