/** The folder of a run: runs/detect/exp, exp2, exp3, …, created when the first result is written. */

import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { outputError } from "../../node/files/systemReason.js";
import { makeFolder } from "../../node/files/writeFile.js";
import { UsageError } from "../errors.js";

const MOST = 9999;

/**
 * Creates `project/name`, or the first of name2, name3, … that does not exist yet.
 * @param existOk use `project/name` even if it exists.
 * @throws OutputError.
 */
export async function makeRunFolder(project: string, name: string, existOk: boolean): Promise<string> {
  const first = join(project, name);
  try {
    return await makeFree(first, existOk);
  } catch (error) {
    throw outputError(first, error);
  }
}

async function makeFree(first: string, existOk: boolean): Promise<string> {
  if (existOk) {
    await makeFolder(first);
    return first;
  }
  await makeFolder(dirname(first));
  for (let n = 1; n <= MOST; n++) {
    const folder = n === 1 ? first : `${first}${n}`;
    try {
      // Without `recursive` it fails if the folder exists, so that two concurrent runs never share one.
      await mkdir(folder);
      return folder;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
  throw new UsageError(`${first} to ${first}${MOST} all exist; choose another --name or --project, or use --exist-ok`);
}

/** Where a run's files go. */
export interface SaveFolder {
  /** Creates the folder when the first file is written. @throws OutputError. */
  readonly open: () => Promise<string>;
  /** A path in it as it will be when the run is over. */
  readonly finalPath: (path: string) => string;
  /** Whether the JSON lists the files of each source. */
  readonly listsFiles: boolean;
}

/** `project/name`, or the first of name2, name3, … that does not exist yet. */
export function runFolder({ project, name, existOk }: { project: string; name: string; existOk: boolean }): SaveFolder {
  return { open: () => makeRunFolder(project, name, existOk), finalPath: (path) => path, listsFiles: false };
}
