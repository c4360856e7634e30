/** Reads files named by untrusted input: only regular ones, since pipes and devices never end. */

import type { Stats } from "node:fs";
import { open, readFile, stat } from "node:fs/promises";
import { isSystemError, systemReason } from "./systemReason.js";

/** Error code for anything that is neither a file nor a folder. */
const NOT_REGULAR = "NOT_REGULAR";
/** Error code for files larger than Node can read as a whole. */
const TOO_LARGE = "TOO_LARGE";
const MOST_BYTES = 2 ** 31 - 1;

/**
 * Facts about a file or folder that may be opened; opening a pipe without a writer would wait forever.
 * @throws the system's error, or one with code `NOT_REGULAR` for pipes, sockets and devices.
 */
export async function statRegular(path: string): Promise<Stats> {
  const found = await stat(path);
  if (!found.isFile() && !found.isDirectory()) {
    throw Object.assign(new Error(`${path}: is a pipe or a device, not a file`), {
      code: NOT_REGULAR,
      syscall: "read",
      path,
    });
  }
  return found;
}

/** @throws what `statRegular` throws, or an error with code `TOO_LARGE` beyond 2 GiB. */
export async function readRegularFile(path: string): Promise<Buffer> {
  const { size } = await statRegular(path);
  if (size > MOST_BYTES) {
    throw Object.assign(new Error(`${path}: is larger than 2 GiB`), { code: TOO_LARGE, syscall: "read", path });
  }
  return readFile(path);
}

/** The first bytes of a file, at most `most`. @throws what `statRegular` throws. */
export async function headOf(path: string, most: number): Promise<Uint8Array> {
  const { size } = await statRegular(path);
  const file = await open(path);
  try {
    const length = Math.min(size, most);
    const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Explains a read error, to follow `path: `. */
export function readFailure(error: unknown, path: string): string {
  const { code, message } = error as NodeJS.ErrnoException;
  // Node replaces bytes of names that are not UTF-8 and then cannot find the file.
  if (code === "ENOENT" && path.includes("\ufffd")) return NAME_NOT_UTF8;
  if (code === "ENOENT") return "no such file";
  if (path.includes("\0")) return "file names cannot contain zero bytes; save lists as UTF-8 or UTF-16";
  if (!isSystemError(error)) return code === undefined ? message : `cannot be read (${code})`;
  const reason = systemReason(error);
  // Those that start with "is" stand alone; the others are reasons.
  return reason.startsWith("is ") ? reason : `cannot be read: ${reason}`;
}

/** The command that converts file names to UTF-8. */
export const RENAME = "convmv -r -f gbk -t utf8 --notest FOLDER (replace gbk by the encoding of the names)";

export const NAME_NOT_UTF8 = `its name is not UTF-8; rename it, or a whole folder with: ${RENAME}`;
