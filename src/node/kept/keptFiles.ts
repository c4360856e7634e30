/**
 * Files of the cache folder that save a later start some work. A file's name is a digest of all that its contents depend on, this
 * build and this kind of machine among it, so none ever has to be brought up to date.
 */

import {
  closeSync,
  fstatSync,
  futimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { cacheFolder } from "../files/cacheFolder.js";
import { temporaryName } from "../files/writeFile.js";

/** All are looked at when one is written. */
const MOST_FILES = 256;
/** Of all files. */
const BUDGET = 512 * 2 ** 20;
/** Ends a file: magic number and checksum. Written last, so a file without it is not whole. */
const TRAILER_BYTES = 8;
const MAGIC = 0x6b_70_35_79;
/** A file that a process was killed while writing. */
const ABANDONED_MS = 3_600_000;

export const keptFolder = (): string => join(cacheFolder(), "prepared");

/** Files that are written here; whatever else lies in the folder is left alone. */
const OWN_NAME = /^([0-9a-f]{64}|\..+\.part)$/;

/**
 * Whether files of others are told from one's own here. What is kept is computed with, and machine code is run: neither may come
 * from somebody else.
 */
export const keptByUserAlone = process.geteuid !== undefined;

/** @throws where others may write, or where there is no folder. */
function assertOwn(folder: string): void {
  const found = statSync(folder);
  const own = !keptByUserAlone || (found.uid === process.geteuid?.() && (found.mode & 0o022) === 0);
  if (!found.isDirectory() || !own) throw new Error(`${folder}: is not a folder of this user alone`);
}

/** A kept file, opened. */
export interface Opened {
  readonly fd: number;
  readonly path: string;
  /** Without what ends the file. */
  readonly bytes: number;
  /** What `crc32` of the contents must give. */
  readonly checksum: number;
}

/** Opens a kept file, for `closeSync` to close; undefined if there is none, or none that was written to its end. */
export function openKept(name: string): Opened | undefined {
  let fd: number | undefined;
  try {
    const folder = keptFolder();
    assertOwn(folder);
    const path = join(folder, name);
    fd = openSync(path, "r");
    const bytes = fstatSync(fd).size - TRAILER_BYTES;
    const trailer = new Uint32Array(2);
    if (bytes >= 0 && readSync(fd, trailer, 0, TRAILER_BYTES, bytes) === TRAILER_BYTES && trailer[0] === MAGIC) {
      touch(fd);
      return { fd, path, bytes, checksum: trailer[1] };
    }
  } catch {
    // As if it were not there.
  }
  if (fd !== undefined) closeSync(fd);
  return undefined;
}

/** The least recently used files are removed first. */
function touch(fd: number): void {
  try {
    const now = Date.now() / 1000;
    futimesSync(fd, now, now);
  } catch {
    // Nothing is removed where nothing can be written.
  }
}

/** The contents of a kept file; undefined if there is none, or none that is whole. */
export function readKept(name: string): Uint8Array<ArrayBuffer> | undefined {
  const file = openKept(name);
  if (!file) return undefined;
  try {
    const contents = new Uint8Array(file.bytes);
    const whole = readSync(file.fd, contents, 0, file.bytes, 0) === file.bytes;
    return whole && crc32(contents) === file.checksum ? contents : undefined;
  } catch {
    return undefined;
  } finally {
    closeSync(file.fd);
  }
}

/** Keeps contents for this machine's user alone, as the model's own file may be. Never throws: the next start does the work again. */
export function keep(name: string, parts: readonly Uint8Array[]): void {
  try {
    const folder = keptFolder();
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    assertOwn(folder);
    makeRoom(
      folder,
      name,
      parts.reduce((sum, { length }) => sum + length, 0),
    );
    const path = join(folder, name);
    const part = temporaryName(path);
    try {
      writeParts(part, parts);
      renameSync(part, path);
    } catch (error) {
      rmSync(part, { force: true });
      throw error;
    }
  } catch {
    // Nothing is kept where nothing can be written.
  }
}

function writeParts(path: string, parts: readonly Uint8Array[]): void {
  const fd = openSync(path, "wx", 0o600);
  try {
    let checksum = 0;
    for (const part of parts) {
      writeWhole(fd, part);
      checksum = crc32(part, checksum);
    }
    writeWhole(fd, new Uint8Array(Uint32Array.of(MAGIC, checksum).buffer));
  } finally {
    closeSync(fd);
  }
}

function writeWhole(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}

/** Removes what was not used for longest until file `name` fits with `bytes`, and what killed processes left. */
function makeRoom(folder: string, name: string, bytes: number): void {
  const files = readdirSync(folder)
    .filter((other) => other !== name && OWN_NAME.test(other))
    .flatMap((other) => found(join(folder, other)));
  files.sort((a, b) => a.mtimeMs - b.mtimeMs);
  let total = files.reduce((sum, { size }) => sum + size, bytes);
  let left = files.length;
  for (const { path, size, mtimeMs, whole } of files) {
    if (whole ? total <= BUDGET && left < MOST_FILES : Date.now() - mtimeMs < ABANDONED_MS) continue;
    try {
      rmSync(path, { force: true });
    } catch {
      continue;
    }
    total -= size;
    left--;
  }
}

/** A file that is there; none if another process has removed it in the meantime. */
function found(path: string): { path: string; size: number; mtimeMs: number; whole: boolean }[] {
  try {
    const { size, mtimeMs } = statSync(path);
    return [{ path, size, mtimeMs, whole: !path.endsWith(".part") }];
  } catch {
    return [];
  }
}
