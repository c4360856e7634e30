/**
 * Writes files whole or not at all: next to the target under a short name, then renamed, so that no reader ever sees
 * half a file. Anything but a regular file (a FIFO, a device) is written in place and never replaced. For a link, its
 * target is written.
 */

import { randomUUID } from "node:crypto";
import { close, constants, open, rmSync, write } from "node:fs";
import { chmod, lstat, mkdir, readlink, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import { outputError } from "./systemReason.js";

/** What a path resolves to for writing. */
export interface WriteTarget {
  /** The path with links resolved. */
  readonly path: string;
  /** A regular file, a new file, or neither: a FIFO, a device. */
  readonly kind: "file" | "new" | "stream";
  /** Permissions of a regular file. */
  readonly mode?: number;
}

export interface WriteOptions {
  /** Stops waiting for a FIFO's reader. A write in progress is completed. */
  readonly signal?: AbortSignal | undefined;
}

/** How long to wait for a FIFO's reader. */
const READER_MS = 10_000;
const MOST_LINKS = 40;

/**
 * Writes a file, creating missing folders. An existing file keeps its permissions.
 * @param content bytes, or text, which is written as UTF-8.
 * @throws OutputError with the file, the reason and the fix.
 */
export async function writeAtomically(
  path: string,
  content: Uint8Array | string,
  options: WriteOptions = {},
): Promise<void> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  try {
    await makeFolder(dirname(path));
    const target = await writeTarget(path);
    if (target.kind === "stream") await append(target, bytes, options);
    else await replace(target, bytes);
  } catch (error) {
    throw outputError(path, error);
  }
}

/**
 * A file that grows line by line: truncated first, links followed, streams left as they are.
 * @throws OutputError.
 */
export async function openForLines(path: string, options: WriteOptions = {}): Promise<LineWriter> {
  try {
    await makeFolder(dirname(path));
    const target = await writeTarget(path);
    return new LineWriter(path, target.kind === "stream" ? await openStream(target, options) : await openFile(target));
  } catch (error) {
    throw outputError(path, error);
  }
}

interface Opened {
  readonly fd: number;
  readonly close: () => Promise<void>;
}

export class LineWriter {
  constructor(
    private readonly path: string,
    private readonly opened: Opened,
  ) {}

  /** @throws OutputError. */
  async write(text: string): Promise<void> {
    try {
      await writeAll(this.opened, new TextEncoder().encode(text));
    } catch (error) {
      throw outputError(this.path, error);
    }
  }

  close(): Promise<void> {
    return this.opened.close();
  }
}

/**
 * Creates a folder and those above it that are missing. Node's own `recursive` reports a missing folder if the parent is
 * read-only, and never returns where a file system has no new folders (`/proc`).
 * @throws the operating system's error.
 */
export async function makeFolder(path: string): Promise<void> {
  const whole = resolve(path);
  for (;;) {
    const { folder, missing } = await nearestFolder(whole);
    if (folder === whole) {
      if (!(await stat(whole)).isDirectory()) throw Object.assign(systemError("EEXIST", "mkdir"), { path: whole });
      return;
    }
    await mkdir(missing).catch((error: NodeJS.ErrnoException) => {
      // Somebody else made it meanwhile.
      if (error.code !== "EEXIST") throw error;
    });
  }
}

/** The nearest existing ancestor of `path`, or `path` itself, and the first missing segment below it. */
export async function nearestFolder(path: string): Promise<{ readonly folder: string; readonly missing: string }> {
  let missing = resolve(path);
  for (let at = missing; ; missing = at, at = dirname(at)) {
    const found = await lstat(at).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
      throw error;
    });
    if (found || dirname(at) === at) return { folder: at, missing };
  }
}

/** A temporary name in the target's folder whose length does not depend on the target's name. */
export function temporaryName(path: string): string {
  return join(dirname(path), `.${process.pid}-${randomUUID().slice(0, 8)}.part`);
}

/** Removes a temporary file if the process exits mid-write. @returns a function that cancels this. */
export function removeOnExit(path: string): () => void {
  const remove = (): void => rmSync(path, { force: true });
  process.once("exit", remove);
  return () => void process.off("exit", remove);
}

/** Resolves links manually, since the last one may point to a file that does not exist yet. */
export async function writeTarget(path: string): Promise<WriteTarget> {
  let at = path;
  for (let links = 0; links <= MOST_LINKS; links++) {
    if (descriptorOf(at) !== undefined) return { path: at, kind: "stream" };
    const found = await lstat(at).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (!found) return { path: at, kind: "new" };
    if (found.isDirectory()) throw systemError("EISDIR", "open");
    if (found.isFile()) return { path: at, kind: "file", mode: found.mode & 0o7777 };
    if (!found.isSymbolicLink()) return { path: at, kind: "stream" };
    at = resolve(await realpath(dirname(at)), await readlink(at));
  }
  throw systemError("ELOOP", "open");
}

/** `/dev/stdout` and similar: already open, perhaps a file that others write to as well. */
function descriptorOf(path: string): number | undefined {
  const name = /^\/(?:dev|proc\/self)\/(?:fd\/(\d+)|(stdout|stderr))$/.exec(path);
  if (!name) return undefined;
  return name[1] === undefined ? ["", "stdout", "stderr"].indexOf(name[2]) : Number(name[1]);
}

function systemError(code: string, syscall: string): Error {
  return Object.assign(new Error(code), { code, syscall });
}

async function replace({ path, mode, kind }: WriteTarget, bytes: Uint8Array): Promise<void> {
  const part = temporaryName(path);
  const done = removeOnExit(part);
  try {
    await writeFile(part, bytes, { flag: "wx" });
    if (mode !== undefined) await chmod(part, mode);
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    // A file in a read-only folder, or one that is a mount point, can still be written in place.
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (kind !== "file" || !["EACCES", "EPERM", "EROFS", "EBUSY", "EXDEV"].includes(code)) throw error;
    await writeFile(path, bytes);
  } finally {
    done();
  }
}

async function append(target: WriteTarget, bytes: Uint8Array, options: WriteOptions): Promise<void> {
  const opened = await openStream(target, options);
  try {
    await writeAll(opened, bytes);
  } finally {
    await opened.close();
  }
}

async function openFile({ path }: WriteTarget): Promise<Opened> {
  const fd = await promisify(open)(path, "w");
  return { fd, close: () => promisify(close)(fd) };
}

/** Non-blocking: a thread waiting for a FIFO's reader could not be stopped. */
async function openStream({ path }: WriteTarget, { signal }: WriteOptions): Promise<Opened> {
  const own = descriptorOf(path);
  if (own !== undefined) return { fd: own, close: () => Promise.resolve() };
  const { O_WRONLY, O_APPEND, O_NONBLOCK = 0 } = constants;
  const deadline = performance.now() + READER_MS;
  for (;;) {
    try {
      const fd = await promisify(open)(path, O_WRONLY | O_APPEND | O_NONBLOCK);
      return { fd, close: () => promisify(close)(fd) };
    } catch (error) {
      const over = performance.now() > deadline || signal?.aborted;
      if ((error as NodeJS.ErrnoException).code !== "ENXIO" || over) throw error;
      await setTimeout(50);
    }
  }
}

async function writeAll({ fd }: Opened, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += (await promisify(write)(fd, bytes, at)).bytesWritten;
    } catch (error) {
      // The reader is slower than we write.
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      await setTimeout(5);
    }
  }
}
