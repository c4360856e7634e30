/** Files that a command is about to write and that exist: never replaced without a word. */

import { readFile, stat } from "node:fs/promises";
import { writeAtomically } from "../../node/files/writeFile.js";
import { InputError } from "../errors.js";
import type { Output } from "../output.js";
import { megabytes } from "../table.js";

/** A regular file with something in it. */
async function sizeOf(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() && found.size > 0 ? found.size : undefined;
}

function refusal(path: string): InputError {
  return new InputError(
    `${path}: is there already and would be replaced; give another name with --output, or --exist-ok`,
  );
}

/**
 * Before work that takes long.
 * @throws InputError for a file that exists.
 */
export async function refuseExisting(path: string): Promise<void> {
  if ((await sizeOf(path)) !== undefined) throw refusal(path);
}

/**
 * Writes a file whole or not at all.
 * @param named whether the user chose this name: then another file of that name is replaced, which is told; else refused.
 * @returns false where the same bytes were there already.
 * @throws InputError for a file that exists and was not named; OutputError.
 */
export async function writeTold(path: string, bytes: Uint8Array, named: boolean, output: Output): Promise<boolean> {
  const size = await sizeOf(path);
  if (size === bytes.length && Buffer.from(bytes).equals(await readFile(path).catch(() => Buffer.alloc(0)))) {
    return false;
  }
  if (size !== undefined && !named) throw refusal(path);
  await writeAtomically(path, bytes, { signal: output.io.signal });
  if (size !== undefined) output.warn(`${path}: replaced the file of that name (${megabytes(size)})`);
  return true;
}
