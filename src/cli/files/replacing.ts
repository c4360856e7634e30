/** Files that a command is about to write and that already exist: never replaced silently. */

import { readFile, stat } from "node:fs/promises";
import { writeAtomically } from "../../node/files/writeFile.js";
import { InputError } from "../errors.js";
import type { Output } from "../output.js";
import { megabytes } from "../table.js";

/** A non-empty regular file. */
async function sizeOf(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() && found.size > 0 ? found.size : undefined;
}

function refusal(path: string): InputError {
  return new InputError(
    `${path}: already exists and would be replaced; give another name with --output, or use --exist-ok`,
  );
}

/**
 * Called before long work starts.
 * @throws InputError for a file that exists.
 */
export async function refuseExisting(path: string): Promise<void> {
  if ((await sizeOf(path)) !== undefined) throw refusal(path);
}

/**
 * Writes a file whole or not at all.
 * @param named whether the user chose this name. If so, an existing file is replaced and a note says so; if not, it
 * is refused.
 * @returns false if the file already held the same bytes.
 * @throws InputError for a file that exists and was not named; OutputError.
 */
export async function writeOrRefuse(path: string, bytes: Uint8Array, named: boolean, output: Output): Promise<boolean> {
  const size = await sizeOf(path);
  if (size === bytes.length && Buffer.from(bytes).equals(await readFile(path).catch(() => Buffer.alloc(0)))) {
    return false;
  }
  if (size !== undefined && !named) throw refusal(path);
  await writeAtomically(path, bytes, { signal: output.io.signal });
  if (size !== undefined) output.warn(`${path}: replaced an existing file (${megabytes(size)})`);
  return true;
}
