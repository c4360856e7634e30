/** Checks the files a command will write before it starts: each is writable, and none replaces another. */

import { stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { checkFile, checkFolder } from "../../node/files/checkOutput.js";
import { isPictureName } from "../../node/files/pictureEndings.js";
import { hasVideoEnding } from "../../node/video/input.js";
import { errorLine, InputError, UsageError } from "../errors.js";

type Paths = string | readonly string[] | undefined;

/** All options that name files, in any command. */
export interface FileFlags {
  readonly json?: string | undefined;
  readonly ndjson?: string | undefined;
  readonly output?: string | undefined;
  readonly report?: string | undefined;
  readonly weights?: Paths;
  readonly teacher?: Paths;
  readonly student?: Paths;
  readonly source?: Paths;
  readonly data?: Paths;
  readonly cfg?: Paths;
  readonly reference?: Paths;
  readonly compare?: Paths;
}

const OUTPUTS = ["json", "ndjson", "output", "report"] as const;
const INPUTS = ["weights", "teacher", "student", "source", "data", "cfg", "reference", "compare"] as const;

/**
 * @throws UsageError for one file named twice, or for an input that would be replaced; InputError where a file cannot be
 *   written.
 */
export async function checkDestinations(flags: FileFlags): Promise<void> {
  const seen = new Map<string, string>();
  for (const name of INPUTS) {
    const given = flags[name];
    for (const path of given === undefined ? [] : [given].flat()) {
      const key = await fileKey(path);
      if (key !== undefined) seen.set(key, name === "weights" ? "the checkpoint itself" : `what --${name} reads`);
    }
  }
  for (const name of OUTPUTS) {
    const path = flags[name];
    if (path === undefined || (path === "-" && name.endsWith("json"))) continue;
    if (path === "") throw new UsageError(`--${name} is empty; give the name of a file`);
    const { kind, path: target } = await checkFile(path).catch((error: unknown) => {
      throw new InputError(`--${name} ${errorLine(error)}`, { cause: error });
    });
    // Several may go to one stream.
    if (kind === "stream") continue;
    const there = await fileKey(target);
    const key = there ?? resolve(target).normalize("NFC").toUpperCase();
    const other = seen.get(key);
    if (other !== undefined) throw new UsageError(`--${name} ${path} is ${other}; give another name`);
    // It may be an input found through a folder, glob or list, and a lost picture cannot be restored.
    if (there !== undefined && (isPictureName(target) || hasVideoEnding(target))) {
      throw new UsageError(`--${name} ${path} is an existing picture or video; give another name`);
    }
    seen.set(key, `what --${name} writes`);
  }
}

/** The same key for every name of an existing file. */
async function fileKey(path: string): Promise<string | undefined> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  return found?.isFile() ? `${found.dev}:${found.ino}` : undefined;
}

/**
 * Checks that the folder of a run can be created.
 * @throws InputError.
 */
export async function checkRunFolder(project: string, name: string, existOk = false): Promise<void> {
  const folder = join(project, name);
  const found = await stat(folder).catch(() => undefined);
  // A new folder is created next to an existing one.
  await checkFolder(found && !existOk ? dirname(folder) : folder).catch((error: unknown) => {
    throw new InputError(`--project ${errorLine(error)}`, { cause: error });
  });
}
