/** Checks that a path can be written before the work whose result goes there. */

import { access, constants, lstat, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import { OutputError } from "../../errors.js";
import { outputError } from "./systemReason.js";
import { nearestFolder, removeOnExit, temporaryName, type WriteTarget, writeTarget } from "./writeFile.js";

/**
 * Tries to write and leaves nothing behind.
 * @throws OutputError with the path and the reason.
 */
export async function checkFile(path: string): Promise<WriteTarget> {
  try {
    if (/[/\\]$/.test(path))
      throw new OutputError(`${path}: cannot be written: names a folder; give the name of a file`);
    const target = await writeTarget(path).catch(async (error: NodeJS.ErrnoException) => {
      // Names the file that is in the way, if that is the reason.
      if (error.code === "ENOTDIR") await checkWritable(dirname(path), path);
      throw error;
    });
    // A socket that is already open as a descriptor has no path of its own.
    if (target.kind === "stream") await access(target.path, constants.W_OK).catch(ignoreMissing);
    else await checkWritable(dirname(target.path), path);
    return target;
  } catch (error) {
    throw outputError(path, error);
  }
}

/**
 * Checks that a folder is writable, or can be created.
 * @throws OutputError with the folder and the reason.
 */
export async function checkFolder(path: string): Promise<void> {
  try {
    await checkWritable(path, path);
  } catch (error) {
    throw outputError(path, error);
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT" && error.code !== "ENXIO") throw error;
}

/** @param path the path to report as not writable: the folder, or a file in it. */
async function checkWritable(wanted: string, path: string): Promise<void> {
  const { folder } = await nearestFolder(wanted);
  if (!(await stat(folder)).isDirectory()) {
    throw new OutputError(`${path}: cannot be written: ${folder} is a file, not a folder; write elsewhere`, { path });
  }
  // Any folder of that file system rejects names that are too long.
  for (const part of relative(folder, resolve(path)).split(sep)) await lstat(join(folder, part)).catch(ignoreMissing);
  const probe = temporaryName(join(folder, "probe"));
  const done = removeOnExit(probe);
  try {
    await writeFile(probe, "", { flag: "wx" });
  } catch (error) {
    // An existing file can be written in place.
    const there = await access(path, constants.W_OK).then(
      async () => (await stat(path)).isFile(),
      () => false,
    );
    if (!there) throw error;
  } finally {
    await rm(probe, { force: true });
    done();
  }
}
