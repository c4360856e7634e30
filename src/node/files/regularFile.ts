/** Reading files that strangers named: only regular ones, since pipes and devices never end. */

import { readFile, stat } from "node:fs/promises";
import { isSystemError, systemReason } from "./systemReason.js";

/** Code of the error for what is neither a file nor a folder. */
const NOT_REGULAR = "NOT_REGULAR";
/** Code of the error for files beyond what Node reads as a whole. */
const TOO_LARGE = "TOO_LARGE";
const MOST_BYTES = 2 ** 31 - 1;

/** @throws the system's error; one of code `NOT_REGULAR` for pipes, sockets and devices, of code `TOO_LARGE` beyond 2 GiB. */
export async function readRegularFile(path: string): Promise<Buffer> {
  const found = await stat(path);
  if (!found.isFile() && !found.isDirectory()) {
    throw Object.assign(new Error(`${path}: is a pipe or a device, not a file`), {
      code: NOT_REGULAR,
      syscall: "read",
      path,
    });
  }
  if (found.size > MOST_BYTES) {
    throw Object.assign(new Error(`${path}: is larger than 2 GiB`), { code: TOO_LARGE, syscall: "read", path });
  }
  return readFile(path);
}

/** What an error of reading means, for after `path: `. */
export function readFailure(error: unknown, path: string): string {
  const { code, message } = error as NodeJS.ErrnoException;
  // Node replaces bytes of names that are not UTF-8, and then finds no such file.
  if (code === "ENOENT" && path.includes("\ufffd")) return NAME_NOT_UTF8;
  if (code === "ENOENT") return "no such file";
  if (path.includes("\0")) return "no name of a file holds zero bytes; a list must be in UTF-8 or UTF-16";
  if (!isSystemError(error)) return code === undefined ? message : `cannot be read (${code})`;
  const reason = systemReason(error);
  // Sentences of their own; the others are reasons.
  return reason.startsWith("is ") ? reason : `cannot be read: ${reason}`;
}

/** How names get UTF-8. */
export const RENAME = "convmv -r -f gbk -t utf8 --notest FOLDER (in place of gbk, the encoding that the names have)";

export const NAME_NOT_UTF8 = `its name is not UTF-8; rename it, all of a folder with: ${RENAME}`;
