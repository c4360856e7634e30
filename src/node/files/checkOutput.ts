/** Whether something can be written at a path, found out before the work whose result it will be. */

import { access, constants, lstat, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import { OutputError } from "../../errors.js";
import { outputError } from "./systemReason.js";
import { nearestFolder, removeOnExit, temporaryName, type WriteTarget, writeTarget } from "./writeFile.js";

/**
 * Tries; nothing stays.
 * @throws OutputError that names the path and the reason.
 */
export async function checkFile(path: string): Promise<WriteTarget> {
  try {
    if (/[/\\]$/.test(path))
      throw new OutputError(`${path}: cannot be written: names a folder; give the name of a file`);
    const target = await writeTarget(path).catch(async (error: NodeJS.ErrnoException) => {
      // Where a file stands in the way, it is named.
      if (error.code === "ENOTDIR") await checkWritable(dirname(path), path);
      throw error;
    });
    // A descriptor that is open already has no path of its own, where it is a socket.
    if (target.kind === "stream") await access(target.path, constants.W_OK).catch(ignoreMissing);
    else await checkWritable(dirname(target.path), path);
    return target;
  } catch (error) {
    throw outputError(path, error);
  }
}

/**
 * Whether a folder takes files, or can be made.
 * @throws OutputError that names the folder and the reason.
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

/** @param path what cannot be written then: the folder, or a file in it. */
async function checkWritable(wanted: string, path: string): Promise<void> {
  const { folder } = await nearestFolder(wanted);
  if (!(await stat(folder)).isDirectory()) {
    throw new OutputError(`${path}: cannot be written: ${folder} is a file, not a folder; write elsewhere`, { path });
  }
  // Names that are too long are told by any folder of that file system.
  for (const part of relative(folder, resolve(path)).split(sep)) await lstat(join(folder, part)).catch(ignoreMissing);
  const probe = temporaryName(join(folder, "probe"));
  const done = removeOnExit(probe);
  try {
    await writeFile(probe, "", { flag: "wx" });
  } catch (error) {
    // A file that is there already can be written in place.
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
